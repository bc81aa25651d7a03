#!/usr/bin/env bash
# natlab.sh - a real (kernel netfilter) NAT laboratory in network namespaces.
#
#   natlab.sh up <natA> <natB>     build the lab (idempotent: tears an old one down first)
#   natlab.sh down                 remove everything (idempotent, leaves nothing behind)
#   natlab.sh exec <host> cmd...   run cmd in a host:  srv | cli | pub | natA | natB | cgnA | cgnB
#   natlab.sh probe [host...]      classify the NAT in front of srv/cli with coturn's
#                                  turnutils_natdiscovery (RFC 5780); one line a host
#   natlab.sh env                  print the addresses as shell assignments
#   natlab.sh flush [natA|natB]    forget every mapping (= NAT reboot / mapping expiry)
#   natlab.sh renumber natA <ip>   change a NAT's public address in flight (192.0.2.0/24)
#   natlab.sh turn stop|start      end coturn with all its allocations, start it anew
#
#                        pub  192.0.2.1 + 192.0.2.2   coturn: STUN/TURN udp+tcp 3478/3479, TLS 443
#                         |   2001:db8::1             the same, in a second coturn
#                         |   bridge 192.0.2.0/24 ("the internet")
#             natA .10 ---+--- .20 natB              (outer CGN, if any, takes the public address)
#   srv 10.10.0.2 |             | 10.20.0.2 cli
#
# NAT types (RFC 4787 names; "mapping / filtering"):
#   none     no NAT, routed public host            fw       no NAT, stateful firewall
#   full     EIM / EIF    (full cone)              adr      EIM / ADF   (restricted cone)
#   port     EIM / APDF   (port-restricted cone)   keep     like port, source port preserved (Linux router)
#   symadr   ADM / ADF                             sym      APDM / APDF, random ports
#   symseq   APDM / APDF, sequential ports (predictable)
#   fwd      sym, plus a static forward  publicIP:30000-30009 -> host:5000-5009, UDP and TCP (inbound
#            only; what the host starts itself from 5000 leaves from a random port)
#   one2one  the same forward, and UDP 5000-5009 also LEAVES as 30000-30009 (1:1 NAT with port mapping)
#   noudp    keep, all UDP dropped                 only443  keep, only TCP to port 443 passes
#   leaky    like keep but unsolicited packets reach the router itself instead of being dropped (a Linux
#            router without an input firewall): the conntrack entry they leave behind makes the host's own
#            later packet to that peer leave from ANOTHER port, i.e. the cone turns symmetric
#   X+Y      double NAT: X is the home router, Y the carrier NAT (e.g. port+sym)
#   <natB> may be "same": cli sits on srv's LAN behind natA (hairpin; add :hair to natA to allow it)
#   suffix :hair    the NAT hairpins, with external source address (RFC 4787 REQ-9a)
#   suffix :v6      dual stack: the host also has a routed public IPv6 address, behind a stateful firewall
#                   (as home routers have), for "none" without; noudp and only443 filter IPv6 too
#   suffix :v6only  the host has that IPv6 address and no IPv4
#
# Environment: NATLAB_ID (default nl; several labs may run side by side), NATLAB_UDP_TIMEOUT (seconds a
# mapping lives, default 120), NATLAB_LOSS (percent of UDP packets each NAT loses, each direction; kernels
# without sch_netem give no delay), NATLAB_TURN=0 (no coturn), NATLAB_TURN_USER (user:password, default
# lab:lab), NATLAB_TURN_ARGS (further turnserver options), NATLAB_TURN_WRAP (a command that runs turnserver,
# such as faketime -f +3d), NATLAB_OWNER (a process id: when that process
# ends, however it ends, the lab goes down by itself). `turn start` reads the TURN variables anew.
# TURN realm lab.test.  198.18.0.1 and [2001:db8:ffff::1] are dead: what is sent there is lost in silence.
# Needs: root, iproute2, nftables, coturn, openssl, conntrack, util-linux (flock, setsid).
# Every link is created inside the namespaces: the root namespace, its addresses, routes and nftables
# are never touched, and there is no route out of the lab.
set -euo pipefail
ID=${NATLAB_ID:-nl}; RUN=${TMPDIR:-/tmp}/natlab.$ID; TMO=${NATLAB_UDP_TIMEOUT:-120}; LOSS=${NATLAB_LOSS:-0}
OWNER=${NATLAB_OWNER:-}
if ! [[ $ID =~ ^[a-z0-9]{1,8}$ && $TMO =~ ^[0-9]+$ && $LOSS =~ ^[0-9]{1,2}$ && $OWNER =~ ^[0-9]*$ ]]; then
  echo "bad NATLAB_ID/UDP_TIMEOUT/LOSS/OWNER" >&2; exit 2
fi
HOSTS="pub natA natB cgnA cgnB srv cli"
STUN=192.0.2.1; STUN2=192.0.2.2; STUN6=2001:db8::1
ns()  { echo "$ID-$1"; }
in_() { ip netns exec "$(ns "$1")" "${@:2}"; }            # run in a lab host
has() { [ -e "/run/netns/$(ns "$1")" ]; }
die() { echo "natlab: $*" >&2; exit 2; }

# The first namespace of a machine makes /run/netns a mount of its own: not two of them at once.
# No duplicate address detection: an IPv6 address would be unusable for its first second or two.
mkns() { flock "${TMPDIR:-/tmp}/natlab.lock" ip netns add "$(ns "$1")"; ip -n "$(ns "$1")" link set lo up
         in_ "$1" sh -c "cd /proc/sys/net/ipv6/conf; echo 0 >all/accept_dad; echo 0 >default/accept_dad"; }
# link <nsA> <ifA> <nsB> <ifB>: a veth pair, born inside the namespaces
link() { ip -n "$(ns "$1")" link add "$2" type veth peer name "$4" netns "$(ns "$3")"
         ip -n "$(ns "$1")" link set "$2" up; ip -n "$(ns "$3")" link set "$4" up; }

nat_rules() { # <type> <wan ip> <hair 0|1> <host ip>: the nftables ruleset of one NAT, on stdout
  local type=$1 wan=$2 hair=$3 host=$4 lan='iifname "lan0"' w='iifname "wan0"' o='oifname "wan0"'
  # How an outgoing UDP flow gets its external port. EIM: internal port xor a constant below 0x400
  # (bijective: no two sockets share a port; never the same port as inside; never below 1024 if the inside is
  # not, which browsers would refuse). Other LAN hosts get another constant.
  local eim="snat ip to $wan : udp sport ^" map='' i
  case $type in
    full|adr|port)  map="$o ip saddr $host meta l4proto udp $eim 0x0155
                         $o meta l4proto udp $eim 0x02aa" ;;
    symadr)         for i in $(seq 0 15); do   # another constant for each (last 4 bits of the) remote address
                      map+="$o ip daddr & 0.0.0.15 == 0.0.0.$i meta l4proto udp $eim $((0x200 + i * 7))"$'\n    '; done ;;
    sym|fwd)        map="$o meta l4proto udp snat ip to $wan:40000-59999 fully-random" ;;
    one2one)        map="$o ip saddr $host udp sport 5000-5009 snat ip to $wan : udp sport map @out11
                         $o meta l4proto udp snat ip to $wan:40000-59999 fully-random" ;;
    symseq)         map="$o meta l4proto udp snat ip to $wan : numgen inc mod 1000 map { $(for i in $(seq 0 999); do printf '%d : %d, ' "$i" $((50000 + i)); done) }" ;;
    keep|leaky|noudp|only443) map="$o meta l4proto udp snat ip to $wan" ;;
    none|fw)        map= ;;
    *)              die "unknown NAT type '$type'" ;;
  esac
  # which unsolicited packets come in
  local open=
  case $type in
    full)       open="$w ip daddr $wan meta l4proto udp dnat ip to udp dport map @ext" ;;
    adr|symadr) open="$w ip saddr . udp dport @seen dnat ip to udp dport map @ext" ;;
    fwd|one2one) open="ip daddr $wan udp dport 30000-30009 dnat ip to udp dport map @in11
    ip daddr $wan tcp dport 30000-30009 dnat ip to tcp dport map @in11" ;;
  esac
  local block; block=$(block_rules "$type")
  [ "$LOSS" = 0 ] || block+="
    meta l4proto udp numgen random mod 100 < $LOSS drop"
  local fin="$w ct state new ct status dnat accept; $w ct state new drop"
  [ "$type" = none ] && fin=
  local hpre='' hpost=''
  if [ "$hair" = 1 ]; then   # LAN -> own public address -> LAN, with the external source address
    hpre="$lan ip daddr $wan meta l4proto udp dnat ip to udp dport map @ext"
    hpost="$lan oifname \"lan0\" ip saddr $host meta l4proto udp ct status dnat $eim 0x0155
           $lan oifname \"lan0\" meta l4proto udp ct status dnat $eim 0x02aa"
  fi
  cat <<NFT
table ip nat {
  map ext   { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout ${TMO}s; }
  set seen  { type ipv4_addr . inet_service;                flags dynamic,timeout; timeout ${TMO}s; }
  map in11  { type inet_service : ipv4_addr . inet_service; $(printf 'elements = {'; for i in 0 1 2 3 4 5 6 7 8 9; do printf ' %d : %s . %d,' $((30000+i)) "$host" $((5000+i)); done; printf ' }') }
  map out11 { type inet_service : inet_service; $(printf 'elements = {'; for i in 0 1 2 3 4 5 6 7 8 9; do printf ' %d : %d,' $((5000+i)) $((30000+i)); done; printf ' }') }
  chain pre  { type nat hook prerouting priority dstnat;
    $open
    $hpre
  }
  chain post { type nat hook postrouting priority srcnat;
    $map
    $hpost
    $([ "$type" = none ] || [ "$type" = fw ] || echo "$o masquerade")
  }
  # after SNAT: remember external port -> internal endpoint, and whom each external port has talked to
  chain learn { type filter hook postrouting priority 200;
    $o meta l4proto udp ct direction original update @ext { udp sport : ct original ip saddr . ct original proto-src }
    $o meta l4proto udp ct direction reply    update @ext { udp sport : ct reply ip saddr . ct reply proto-src }
    $o meta l4proto udp update @seen { ip daddr . udp sport }
  }
  chain forward { type filter hook forward priority filter;
    $block
    $fin
  }
  chain input { type filter hook input priority filter;
    $([ "$type" = none ] || [ "$type" = leaky ] || echo "$w ct state new drop")
    $(case $type in noudp|only443) echo "meta l4proto udp drop" ;; esac)
  }
}
$(v6_rules "$type")
NFT
}
# Only what goes through the router: where bridged packets are filtered too, those of the LAN must pass.
block_rules() { # <type>: what a site lets nobody send, either family
  case $1 in
    noudp)   echo 'iifname "wan0" meta l4proto udp drop; oifname "wan0" meta l4proto udp drop' ;;
    only443) echo 'oifname "wan0" meta l4proto udp drop; oifname "wan0" tcp dport != 443 drop; oifname "wan0" meta l4proto icmp icmp type != destination-unreachable drop' ;;
  esac
}
v6_rules() { # <type>: IPv6 is routed, never translated; loss and what a site blocks hold for it too
  local loss=''
  [ "$LOSS" = 0 ] || loss="meta l4proto udp numgen random mod 100 < $LOSS drop"
  cat <<NFT
table ip6 fw {
  chain forward { type filter hook forward priority filter;
    $(case $1 in noudp|only443) block_rules "$1" | sed 's/; *oifname "wan0" meta l4proto icmp .*//' ;; esac)
    $loss
    $([ "$1" = none ] || echo 'iifname "wan0" ct state new drop')
  }
}
NFT
}

router() { # <ns>: forwarding on, mapping lifetimes (conntrack is per namespace)
  in_ "$1" sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
    echo $TMO >/proc/sys/net/netfilter/nf_conntrack_udp_timeout
    echo $TMO >/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream"
}
load() { nat_rules "${@:2}" >"$RUN/$1.nft"; in_ "$1" nft -f "$RUN/$1.nft"; }

# site <A|B> <type> <public ip> <lan prefix> <host> <public lan prefix>: one NAT (or two) and the host behind it
site() {
  local S=$1 type=$2 pubip=$3 lan=$4 host=$5 hair=0 outer='' v6=0 v4=1
  while [[ $type == *:* ]]; do
    case ${type##*:} in hair) hair=1 ;; v6) v6=1 ;; v6only) v6=1; v4=0 ;; esac
    type=${type%:*}
  done
  case $type in *+*) outer=${type#*+}; type=${type%%+*} ;; esac
  case $type$outer in none|fw) lan=$6 ;; esac               # a routed site has a public LAN
  [ -z "$outer" ] || [ $v6 = 0 ] || die "no IPv6 behind a double NAT"
  local nat=nat$S up=nat$S wanip=$pubip gw=192.0.2.1 nets=$lan.0/24
  mkns "nat$S"; mkns "$host"
  if [ -n "$outer" ]; then
    up=cgn$S; mkns "$up"; link "$up" lan0 "$nat" wan0
    local t=172.16.1; [ "$S" = A ] || t=172.16.2
    ip -n "$(ns "$up")" addr add "$t.1/24" dev lan0; ip -n "$(ns "$nat")" addr add "$t.2/24" dev wan0
    ip -n "$(ns "$nat")" route add default via "$t.1"; wanip=$t.2
  fi
  link "$up" wan0 pub "p$S"; ip -n "$(ns pub)" link set "p$S" master br0
  ip -n "$(ns "$up")" addr add "$pubip/24" dev wan0; ip -n "$(ns "$up")" route add default via $gw
  ip -n "$(ns "$nat")" link add lan0 type bridge; ip -n "$(ns "$nat")" addr add "$lan.1/24" dev lan0
  ip -n "$(ns "$nat")" link set lan0 up
  router "$nat"
  [ $v6 = 0 ] || site6 "$S"
  attach "$S" "$host" "$lan" 2 $v4 $v6
  case $type$outer in none|fw) ip -n "$(ns pub)" route add "$nets" via "$pubip" ;; esac
  load "$nat" "$type" "$wanip" "$hair" "$lan.2"
  if [ -n "$outer" ]; then router "$up"; load "$up" "$outer" "$pubip" 0 "$wanip"; fi
  echo "LAN_$S=$lan V4_$S=$v4 V6_$S=$v6" >>"$RUN/sites"
  echo "NATLAB_${nat^^}=$pubip" >>"$RUN/env"; tell "$host" "$S" "$lan" 2 $v4 $v6
}
site6() { # <A|B>: a routed IPv6 prefix, 2001:db8:a::/64 or 2001:db8:b::/64
  local s=${1,,}
  ip -n "$(ns "nat$1")" addr add "2001:db8::$s/64" dev wan0 nodad
  ip -n "$(ns "nat$1")" addr add "2001:db8:$s::1/64" dev lan0 nodad
  ip -n "$(ns "nat$1")" -6 route add default via $STUN6
  ip -n "$(ns pub)" -6 route add "2001:db8:$s::/64" via "2001:db8::$s"
}
attach() { # <A|B> <host> <lan> <n> <v4> <v6>: a host on a LAN
  link "nat$1" "l$2" "$2" eth0; ip -n "$(ns "nat$1")" link set "l$2" master lan0
  if [ "$5" = 1 ]; then
    ip -n "$(ns "$2")" addr add "$3.$4/24" dev eth0; ip -n "$(ns "$2")" route add default via "$3.1"
  fi
  if [ "$6" = 1 ]; then
    ip -n "$(ns "$2")" addr add "2001:db8:${1,,}::$4/64" dev eth0 nodad
    ip -n "$(ns "$2")" -6 route add default via "2001:db8:${1,,}::1"
  fi
}
tell() { # <host> <A|B> <lan> <n> <v4> <v6>: the addresses of a host, for `env`
  [ "$5" = 0 ] || echo "NATLAB_${1^^}=$3.$4" >>"$RUN/env"
  [ "$6" = 0 ] || echo "NATLAB_${1^^}6=2001:db8:${2,,}::$4" >>"$RUN/env"
}

# One coturn for IPv4 with both addresses, as RFC 5780 needs; one for IPv6, whose addresses would be in its way.
turn_start() {
  if [ -n "$(turn_pids)" ]; then die "coturn runs; turn stop first"; fi
  [ -s "$RUN/key.pem" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
    -subj /CN=turn.lab.test -addext "subjectAltName=DNS:turn.lab.test,IP:$STUN,IP:$STUN2,IP:$STUN6" \
    -keyout "$RUN/key.pem" -out "$RUN/cert.pem" 2>/dev/null
  turn_server 4 --listening-ip $STUN --listening-ip $STUN2 --relay-ip $STUN --alt-listening-port 3479
  turn_server 6 --listening-ip $STUN6 --relay-ip $STUN6
  for _ in $(seq 100); do      # at most 5 s
    if in_ pub sh -c "ss -Hlun 'sport = :3479' | grep -q $STUN2 && ss -Hltn 'sport = :443' | grep -q $STUN2 &&
      ss -Hlun 'sport = :3478' | grep -q $STUN6 && ss -Hltn 'sport = :443' | grep -q $STUN6"; then return 0; fi
    sleep 0.05
  done
  die "coturn did not come up: $(tail -n 3 "$RUN/turn4.log" "$RUN/turn6.log")"
}
turn_server() { # <4|6> options...
  # shellcheck disable=SC2086 # several options in one variable
  in_ pub ${NATLAB_TURN_WRAP:-} turnserver -n "${@:2}" --listening-port 3478 --tls-listening-port 443 \
    --min-port 60001 --max-port 60999 --cert "$RUN/cert.pem" --pkey "$RUN/key.pem" \
    --lt-cred-mech --user "${NATLAB_TURN_USER:-lab:lab}" --realm lab.test --fingerprint --no-cli \
    --no-multicast-peers --pidfile "$RUN/turn$1.pid" --userdb "$RUN/turndb$1" --log-file stdout \
    ${NATLAB_TURN_ARGS:-} >"$RUN/turn$1.log" 2>&1 </dev/null &
  echo $! >"$RUN/turn$1.job"
}
turn_pids() { # those of our coturns that still run
  local p
  for p in $(ip netns pids "$(ns pub)"); do
    if tr '\0' ' ' 2>/dev/null <"/proc/$p/cmdline" | grep -q '^turnserver '; then echo "$p"; fi
  done
}
turn_stop() { # at once, as a crash or a power cut would: nobody is told
  local p
  for p in $(turn_pids); do kill -9 "$p" 2>/dev/null || true; done
  for _ in $(seq 40); do
    if [ -z "$(turn_pids)" ]; then rm -f "$RUN"/turn?.job; return 0; fi
    sleep 0.05
  done
  die "coturn does not end"
}

# A process of its own that waits for the owner's end, however that comes, and then takes the lab down.
guard() {
  [ -n "$OWNER" ] || return 0
  # shellcheck disable=SC2016 # expanded by the inner shell
  NATLAB_ID=$ID setsid bash -c 'tail --pid="$1" -s 0.5 -f /dev/null; exec "$2" down' - "$OWNER" "$(readlink -f "$0")" \
    >/dev/null 2>&1 </dev/null &
  echo $! >"$RUN/guard"
}

up() {
  [ $# = 2 ] || die "up <natA> <natB>"
  local t re='(none|fw|full|adr|port|keep|symadr|sym|symseq|fwd|one2one|noudp|only443|leaky)'
  for t in "$1" "${2/#same/none}"; do
    [[ $t =~ ^$re(\+$re)?(:hair|:v6|:v6only)*$ ]] || die "unknown NAT type '$t'"
  done
  down
  trap down EXIT; trap 'exit 130' INT TERM     # anything that goes wrong from here on leaves nothing behind
  mkdir -p "$RUN"; : >"$RUN/env"; : >"$RUN/sites"
  guard
  mkns pub; ip -n "$(ns pub)" link add br0 type bridge; ip -n "$(ns pub)" link set br0 up
  ip -n "$(ns pub)" addr add $STUN/24 dev br0; ip -n "$(ns pub)" addr add $STUN2/24 dev br0
  ip -n "$(ns pub)" addr add $STUN6/64 dev br0 nodad
  in_ pub sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
  # The internet silently loses what it cannot route (RFC 1918 peers). Without this default route into a
  # black hole coturn's sendto() to such a peer fails at once, and coturn then drops the whole allocation.
  ip -n "$(ns pub)" link add sink0 type veth peer name sink1
  ip -n "$(ns pub)" link set sink0 arp off up; ip -n "$(ns pub)" link set sink1 up
  ip -n "$(ns pub)" route add default dev sink0; ip -n "$(ns pub)" -6 route add default dev sink0
  site A "$1" 192.0.2.10 10.10.0 srv 198.51.100
  if [[ $2 == same* ]]; then
    # shellcheck disable=SC1091 # written by site
    . "$RUN/sites"
    local v4=$V4_A v6=$V6_A; [[ $2 != *:v6only ]] || v4=0
    mkns cli; attach A cli "$LAN_A" 3 "$v4" "$v6"; tell cli A "$LAN_A" 3 "$v4" "$v6"
    echo "NATLAB_NATB=192.0.2.10" >>"$RUN/env"
  else
    site B "$2" 192.0.2.20 10.20.0 cli 203.0.113
  fi
  echo "NATLAB_STUN=$STUN NATLAB_STUN2=$STUN2 NATLAB_STUN6=$STUN6 NATLAB_TURN_REALM=lab.test" >>"$RUN/env"
  echo "NATLAB_TURN_CERT=$RUN/cert.pem" >>"$RUN/env"
  [ "${NATLAB_TURN:-1}" = 0 ] || turn_start
  trap - EXIT INT TERM
}

down() { # end what still runs inside our namespaces (by process id), then the namespaces
  local h p
  if [ -s "$RUN/guard" ]; then p=$(<"$RUN/guard")     # unless it is the guard who calls, it ends with its group
    if [ "$p" != $$ ] && grep -qs "natlab.sh" "/proc/$p/cmdline"; then kill -- "-$p" 2>/dev/null || true; fi; fi
  for h in $HOSTS; do has "$h" || continue
    for p in $(ip netns pids "$(ns "$h")"); do kill "$p" 2>/dev/null || true; done; done
  for _ in $(seq 40); do       # at most 2 s for a clean end, then KILL
    p=; for h in $HOSTS; do if has "$h"; then p+=$(ip netns pids "$(ns "$h")"); fi; done
    [ -z "$p" ] && break; sleep 0.05
  done
  for h in $HOSTS; do has "$h" || continue
    for p in $(ip netns pids "$(ns "$h")"); do kill -9 "$p" 2>/dev/null || true; done
    ip netns del "$(ns "$h")"; done
  rm -rf "$RUN"
}

probe() { # one line a host:  srv mapping=… filtering=… mapped=…
  local h o m f x; [ $# -gt 0 ] || set -- srv cli
  for h; do has "$h" || die "no host $h"
    o=$(in_ "$h" timeout 40 turnutils_natdiscovery -m -f $STUN 2>&1 || true)
    m=$(sed -n 's/.*NAT with \(.*\) [Mm]apping.*/\1/p' <<<"$o" | tail -1)
    f=$(sed -n 's/.*NAT with \(.*\) [Ff]iltering.*/\1/p' <<<"$o" | tail -1)
    x=$(sed -n 's/.*UDP reflexive addr: //p' <<<"$o" | head -1)
    grep -q 'No NAT' <<<"$o" && m=${m:-none}
    [ -n "${NATLAB_VERBOSE:-}" ] && echo "$o" >&2
    echo "$h mapping=${m:-unknown} filtering=${f:-unknown} mapped=${x:-none}"
  done
}

flush() { # [natA|natB]
  local h
  for h in ${1:-natA natB}; do has "$h" || continue
    in_ "$h" conntrack -F 2>/dev/null || true
    in_ "$h" nft flush map ip nat ext; in_ "$h" nft flush set ip nat seen; done
}

renumber() { # <natA|natB|cgnA|cgnB> <192.0.2.x>
  if [ $# != 2 ] || ! has "$1"; then die "renumber <natA|natB|cgnA|cgnB> <192.0.2.x>"; fi
  local f="$RUN/$1.nft" old
  old=$(in_ "$1" ip -br -4 addr show wan0 | awk '{sub("/.*","",$3);print $3}')
  in_ "$1" ip addr flush dev wan0 scope global; in_ "$1" ip addr add "$2/24" dev wan0
  in_ "$1" ip route replace default via 192.0.2.1
  sed -i "s/\b${old//./\\.}\b/$2/g" "$f"; in_ "$1" nft flush ruleset; in_ "$1" nft -f "$f"
  in_ "$1" conntrack -F 2>/dev/null || true
}

[ "$(id -u)" = 0 ] || die "must be root"
case ${1:-} in
  up)    up "${@:2}" ;;
  down)  down ;;
  exec)  [ $# -ge 3 ] || die "exec <host> cmd..."; has "$2" || die "no host $2"; exec ip netns exec "$(ns "$2")" "${@:3}" ;;
  probe) probe "${@:2}" ;;
  env)   tr ' ' '\n' <"$RUN/env" ;;
  flush) flush "${@:2}" ;;
  renumber) renumber "${@:2}" ;;
  turn)  has pub || die "no lab $ID"
         case ${2:-} in stop) turn_stop ;; start) turn_start ;; *) die "turn stop|start" ;; esac ;;
  *) sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
