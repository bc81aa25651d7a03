// Pion 3.1: one track for all viewers, one UDP socket. Built against Debian's golang-github-pion-webrtc.v3-dev.
//
//	pion-server --file FILE --fps 60 --http 127.0.0.1:PORT [--stamp]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v3"
	"github.com/pion/webrtc/v3/pkg/media"
)

// An SPS of 1280x720 and a PPS.
var sets = []byte{
	0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x06, 0xd0, 0xa1, 0x35,
	0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,
}

// server holds the viewers by number.
type server struct {
	api     *webrtc.API
	track   webrtc.TrackLocal
	mutex   sync.Mutex
	viewers map[int]*webrtc.PeerConnection
	next    int
}

func main() {
	file := flag.String("file", "", "Annex B, one slice a frame; or synthetic:SMALL,LARGE,EVERY")
	fps := flag.Float64("fps", 30, "frames a second")
	address := flag.String("http", "127.0.0.1:9002", "where offers are posted")
	stamped := flag.Bool("stamp", false, "puts the time into each frame")
	flag.Parse()
	frames, err := load(*file)
	if err != nil {
		log.Fatal(err)
	}
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
	track, err := webrtc.NewTrackLocalStaticSample(codec, "video", "peers")
	if err != nil {
		log.Fatal(err)
	}
	api, err := newAPI()
	if err != nil {
		log.Fatal(err)
	}
	s := &server{api: api, track: track, viewers: map[int]*webrtc.PeerConnection{}}
	http.HandleFunc("/whep", s.accept)
	http.HandleFunc("/whep/", s.forget)
	go func() { log.Fatal(http.ListenAndServe(*address, nil)) }()

	begin := time.Now()
	for i := 0; ; i++ {
		time.Sleep(time.Until(begin.Add(time.Duration(float64(i) / *fps * 1e9))))
		frame := frames[i%len(frames)]
		if *stamped {
			frame = stamp(frame)
		}
		// Viewers that have gone are no error of the stream.
		_ = track.WriteSample(media.Sample{Data: frame, Duration: time.Duration(1e9 / *fps)})
	}
}

func newAPI() (*webrtc.API, error) {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return nil, err
	}
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if err := socket.SetWriteBuffer(4 << 20); err != nil {
		return nil, err
	}
	if err := socket.SetReadBuffer(4 << 20); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{}
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	settings.SetLite(true)
	settings.SetICEUDPMux(webrtc.NewICEUDPMux(nil, socket))
	return webrtc.NewAPI(webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)), nil
}

func (s *server) accept(out http.ResponseWriter, request *http.Request) {
	offer, _ := io.ReadAll(io.LimitReader(request.Body, 65536))
	number, answer, err := s.join(string(offer))
	if err != nil {
		log.Print(err)
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	out.Header().Set("Content-Type", "application/sdp")
	out.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	out.Header().Set("Location", fmt.Sprintf("/whep/%d", number))
	out.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(out, answer)
}

func (s *server) join(offer string) (int, string, error) {
	viewer, err := s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return 0, "", err
	}
	sender, err := viewer.AddTrack(s.track)
	if err != nil {
		return 0, "", err
	}
	go drain(sender)
	viewer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateFailed {
			viewer.Close()
		}
	})
	description := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	if err := viewer.SetRemoteDescription(description); err != nil {
		return 0, "", err
	}
	answer, err := viewer.CreateAnswer(nil)
	if err != nil {
		return 0, "", err
	}
	gathered := webrtc.GatheringCompletePromise(viewer)
	if err := viewer.SetLocalDescription(answer); err != nil {
		return 0, "", err
	}
	<-gathered
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.next++
	s.viewers[s.next] = viewer
	return s.next, viewer.LocalDescription().SDP, nil
}

func (s *server) forget(_ http.ResponseWriter, request *http.Request) {
	number, _ := strconv.Atoi(strings.TrimPrefix(request.URL.Path, "/whep/"))
	s.mutex.Lock()
	viewer := s.viewers[number]
	delete(s.viewers, number)
	s.mutex.Unlock()
	if viewer != nil {
		viewer.Close()
	}
}

// drain reads RTCP, without which interceptors do not run.
func drain(sender *webrtc.RTPSender) {
	bytes := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(bytes); err != nil {
			return
		}
	}
}

// stamp puts an SEI with the time in hexadecimal before a frame.
func stamp(frame []byte) []byte {
	out := append([]byte{0, 0, 0, 1, 6, 5, 32}, "PEERS-S3-LATENCY"...)
	out = append(out, fmt.Sprintf("%016x", time.Now().UnixNano())...)
	out = append(out, 0x80)
	return append(out, frame...)
}

func load(path string) ([][]byte, error) {
	if strings.HasPrefix(path, "synthetic:") {
		return synthetic(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return accessUnits(data), nil
}

// accessUnits cuts a byte stream behind each slice.
func accessUnits(data []byte) [][]byte {
	var units [][]byte
	begin := 0
	for at := bytes.Index(data, []byte{0, 0, 1}); at >= 0; {
		end := len(data)
		if next := bytes.Index(data[at+3:], []byte{0, 0, 1}); next >= 0 {
			end = at + 3 + next
		}
		next := end
		if end < len(data) && data[end-1] == 0 {
			next = end - 1
		}
		if kind := data[at+3] & 31; kind == 1 || kind == 5 {
			units = append(units, data[begin:next])
			begin = next
		}
		if end == len(data) {
			break
		}
		at = end
	}
	return units
}

// synthetic makes one keyframe and smaller frames after it, without a start code in them.
func synthetic(path string) ([][]byte, error) {
	var small, large, every int
	if _, err := fmt.Sscanf(path, "synthetic:%d,%d,%d", &small, &large, &every); err != nil {
		return nil, err
	}
	var units [][]byte
	for i := 0; i < every; i++ {
		size, unit := small, []byte{0, 0, 0, 1, 0x41}
		if i == 0 {
			size = large
			unit = append(append([]byte{}, sets...), 0, 0, 0, 1, 0x65)
		}
		state := uint32(0x9e3779b9)
		for len(unit) < size {
			state ^= state << 13
			state ^= state >> 17
			state ^= state << 5
			unit = append(unit, byte(state)|1)
		}
		units = append(units, unit)
	}
	return units, nil
}
