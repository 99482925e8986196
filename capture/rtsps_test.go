//go:build cgo && gocv_videoio

package capture

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/capture/source"
	"vigil/internal/cameratest"
	"vigil/internal/certtest"
	"vigil/internal/rtsptest"
	"vigil/video"
)

// Certificates of a real RTSP-over-TLS server are accepted or refused as configured, and frames come if accepted.
func TestRTSPS(t *testing.T) {
	authority := certtest.SelfSigned(t)
	own, nameless := certtest.SelfSigned(t, "127.0.0.1"), certtest.SelfSigned(t)
	for _, tt := range []struct {
		name  string
		shown *certtest.Certificate
		trust source.Trust
		want  error
	}{
		{"any", nameless, source.Trust{}, nil},
		{"its own, for no name", nameless, source.Trust{PEM: nameless.PEM}, nil},
		{"another's", own, source.Trust{PEM: nameless.PEM}, source.ErrUntrusted},
		{
			"self-signed, where an authority of the system must vouch for it", own,
			source.Trust{System: true},
			source.ErrUntrusted,
		},
		{"an authority's", authority.Issue(t, "127.0.0.1"), source.Trust{PEM: authority.PEM}, nil},
		{
			"an authority's, for another host", authority.Issue(t, "camera.example"),
			source.Trust{PEM: authority.PEM},
			source.ErrUntrusted,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := rtsptest.Start(t, rtsptest.Options{
				Certificate: tt.shown, User: "viewer",
				Password: "ge heim/@:%",
			})
			o := quick
			o.Trust, o.Transport = tt.trust, "udp" // UDP would send the video unencrypted, so it is not used
			s, err := Open(t.Context(), cameratest.Address(t, server.URL()), o)
			if !errors.Is(err, tt.want) {
				t.Fatalf("opening: %v, want %v", err, tt.want)
			}
			if err != nil {
				if strings.Contains(err.Error(), "heim") || !strings.Contains(err.Error(), "key trust") {
					t.Errorf("the error is %v", err)
				}
				return
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			readInOrder(t, s, 0, 1)
			server.Stop()
			var f video.Frame
			for err == nil {
				err = s.Read(t.Context(), &f)
			}
			if !errors.Is(err, ErrLost) {
				t.Errorf("after the server: %v", err)
			}
			if _, err := Open(t.Context(), cameratest.Address(t, server.URL()), o); err == nil ||
				!strings.Contains(err.Error(), "no connection") {
				t.Errorf("while the server is away: %v", err)
			}
		})
	}
}

func TestRTSPSRefusals(t *testing.T) {
	cert := certtest.SelfSigned(t)
	server := rtsptest.Start(t, rtsptest.Options{Certificate: cert, User: "viewer", Password: "geheim"})
	for _, trust := range []source.Trust{{}, {PEM: cert.PEM}} {
		o := quick
		o.Trust = trust
		for wrong, want := range map[string]string{"geheim": "wrong user name or password", "test": "no such stream"} {
			_, err := Open(t.Context(), cameratest.Address(t, strings.Replace(server.URL(), wrong, "falsch", 1)), o)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) ||
				strings.Contains(err.Error(), "heim") {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
	// An unresponsive server costs only the timeout also if vigil does the TLS.
	o := Options{OpenTimeout: time.Second, ReadTimeout: time.Second, Trust: source.Trust{PEM: cert.PEM}}
	if _, err := Open(t.Context(), cameratest.Address(t, "rtsps://"+cameratest.Silent(t)+"/x"), o); !errors.Is(err,
		os.ErrDeadlineExceeded) ||
		errors.Is(err, source.ErrUntrusted) {
		t.Errorf("error %v, want the error that the server does not answer", err)
	}
}

// The same for a camera at an https URL, which must receive the original host name.
func TestHTTPS(t *testing.T) {
	path := cameratest.Video(t, "a.ts", "testsrc2=s=320x240:r=25:d=2", "-c:v", "libx264", "-g", "25", "-bf", "0")
	var host atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "viewer" || password != "geheim" {
			w.Header().Set("Www-Authenticate", "Basic realm=x")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		host.Store(r.Host)
		http.ServeFile(w, r, path)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail as intended
	server.StartTLS()
	defer server.Close()
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	url := strings.Replace(server.URL, "https://", "https://viewer:geheim@", 1) + "/a.ts"
	for _, tt := range []struct {
		name  string
		trust source.Trust
		want  error
	}{
		{"any", source.Trust{}, nil},
		{"its own", source.Trust{PEM: own}, nil},
		{"another's", source.Trust{PEM: certtest.SelfSigned(t).PEM}, source.ErrUntrusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := quick
			o.Trust = tt.trust
			host.Store("")
			s, err := Open(t.Context(), cameratest.Address(t, url), o)
			if !errors.Is(err, tt.want) {
				t.Fatalf("opening: %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			var f video.Frame
			for range 20 {
				if err := s.Read(t.Context(), &f); err != nil {
					t.Fatal(err)
				}
			}
			if want := strings.TrimPrefix(server.URL, "https://"); host.Load() != want {
				t.Errorf("it was called %q, want %q", host.Load(), want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			_, err = Open(t.Context(), cameratest.Address(t, strings.Replace(url, "geheim", "falsch", 1)), o)
			if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "falsch") {
				t.Errorf("wrong password: %v", err)
			}
		})
	}
}

func TestTrust(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "x": "no certificate in it",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "malformed",
		string(certtest.SelfSigned(t).PEM):                               "",
	} {
		err := source.Trust{PEM: []byte(text)}.Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
