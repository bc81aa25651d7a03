//! Datagrams that reached this machine and found no socket, as the system counts them: where a
//! forward leads to a port at which nothing listens, this rises by what was sent.

/// The count of both families since the machine started; `None` where the system does not tell.
pub(super) fn no_ports() -> Option<u64> {
    let v4 = std::fs::read_to_string("/proc/self/net/snmp").ok()?;
    let v6 = std::fs::read_to_string("/proc/self/net/snmp6").unwrap_or_default();
    Some(of_v4(&v4)? + of_v6(&v6).unwrap_or_default())
}

/// Names in one line, values in the next.
fn of_v4(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("Udp: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split_whitespace().position(|name| name == "NoPorts")?;
    values.split_whitespace().nth(place)?.parse().ok()
}

fn of_v6(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("Udp6NoPorts"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let snmp = "Tcp: A B\nTcp: 1 2\nUdp: InDatagrams NoPorts InErrors\nUdp: 10 7 3\n\
                    UdpLite: InDatagrams NoPorts\nUdpLite: 0 0\n";
        assert_eq!(of_v4(snmp), Some(7));
        assert_eq!(of_v6("Ip6InReceives   5\nUdp6NoPorts    \t4\nUdp6InErrors 1\n"), Some(4));
        assert_eq!(of_v4("Udp: NoPorts\n"), None);
        assert_eq!(of_v6(""), None);
    }

    #[test]
    fn a_datagram_to_a_closed_port_of_this_machine_is_counted() {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = no_ports().unwrap();

        for _ in 0..5 {
            socket.send_to(b"x", closed).unwrap();
        }

        assert!(no_ports().unwrap() >= before + 5);
    }
}
