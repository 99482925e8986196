package mqtt

import "errors"

// maxPacket bounds a packet from the broker in bytes: the client allocates as many as its header says, up to 256 MiB.
// What this program subscribes to is far smaller.
const maxPacket = 256 << 10

var errPacket = errors.New("the broker sent a packet that is larger than any that was asked for")

// packetLimit follows the packets in a stream by their fixed headers (MQTT 3.1.1, section 2.2).
type packetLimit struct {
	inLength bool // the next byte is one of the remaining length
	length   int
	shift    uint
	left     int // bytes of the packet's body
}

// check follows the next bytes. It returns an error at the header of a packet that is too large.
func (p *packetLimit) check(b []byte) error {
	for len(b) > 0 {
		switch {
		case p.left > 0:
			n := min(p.left, len(b))
			p.left -= n
			b = b[n:]
			continue
		case !p.inLength:
			p.inLength, p.length, p.shift = true, 0, 0
		default:
			p.length |= int(b[0]&0x7f) << p.shift
			p.shift += 7
			if p.length > maxPacket || p.shift > 28 {
				return errPacket
			}
			if b[0]&0x80 == 0 {
				p.inLength, p.left = false, p.length
			}
		}
		b = b[1:]
	}
	return nil
}
