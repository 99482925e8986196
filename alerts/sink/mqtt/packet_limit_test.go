package mqtt

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"vigil/internal/alerttest"
)

func publication(size int) []byte {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket) //nolint:errcheck // That is its type.
	p.TopicName, p.Payload = "vigil/yard/enabled/set", make([]byte, size)
	var b bytes.Buffer
	_ = p.Write(&b)
	return b.Bytes()
}

// Packets up to the limit pass in pieces of any size, and the header of a larger one does not.
func TestPacketLimit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var stream []byte
		for range 20 {
			stream = append(stream, publication([]int{0, 1, 100, 127, 128, 20_000, maxPacket - 100}[rng.IntN(7)])...)
		}
		good := len(stream)
		stream = append(stream, publication(maxPacket)...)
		var p packetLimit
		passed := 0
		for passed < len(stream) {
			n := min(1+rng.IntN([]int{1, 3, 5000}[rng.IntN(3)]), len(stream)-passed)
			if err := p.check(stream[passed : passed+n]); err != nil {
				if passed+n <= good || passed > good+5 {
					t.Fatalf("refused at %d, the large packet begins at %d", passed, good)
				}
				break
			}
			if passed += n; passed > good+5 {
				t.Fatal("a packet that is too large passed")
			}
		}
	}
}

// A broker that announces a huge packet is disconnected before as much memory is allocated.
func TestHugePacketEndsTheConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = packets.ReadPacket(conn) // CONNECT
			// CONNACK, and PUBLISH of 256 MiB.
			_, _ = conn.Write([]byte{0x20, 2, 0, 0, 0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, 'a'})
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	c, err := dial(alerttest.Within(t), "tcp://"+l.Addr().String(), login{clientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-c.connLost
	if c.cause() != errPacket { //nolint:errorlint // That very error.
		t.Errorf("it ended for %v", c.cause())
	}
	c.drop(nil)
}

func FuzzPacketLimit(f *testing.F) {
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Add(publication(10))
	f.Fuzz(func(t *testing.T, b []byte) {
		var whole, pieces packetLimit
		want := whole.check(b)
		var got error
		for i := 0; i < len(b) && got == nil; i++ {
			got = pieces.check(b[i : i+1])
		}
		if (want == nil) != (got == nil) || want == nil && whole != pieces {
			t.Errorf("%v in one piece, %v byte by byte", want, got)
		}
	})
}
