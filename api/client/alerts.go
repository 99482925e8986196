package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/api"
	"vigil/internal/errcode"
)

// evidenceTimeout bounds the transfer of a picture or a clip.
const evidenceTimeout = 5 * time.Minute

// Alerts returns the alerts that may be seen, the newest first, but at most so many; 0 is for all. more means that
// there are others.
func (c *Client) Alerts(ctx context.Context, q api.AlertQuery, limit int) (all []api.StoredAlert, more bool,
	err error,
) {
	query := url.Values{}
	if q.Camera != "" {
		query.Set("camera", q.Camera)
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To, "since": q.Since} {
		if !at.IsZero() {
			query.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if limit == 0 {
		limit = math.MaxInt
	}
	err = pages(func(cursor string) (next string, err error) {
		var page api.AlertList
		maps.Copy(query, pageQuery(cursor, min(pageSize, limit-len(all))))
		err = c.ask(ctx, request{method: http.MethodGet, path: "/alerts?" + query.Encode()}, &page)
		all = append(all, page.Alerts...)
		if more = page.Next != ""; len(all) >= limit {
			return "", err
		}
		return page.Next, err
	})
	for i := range all {
		if err == nil {
			all[i].Decoded, err = alerts.DecodeData(all[i].Alert)
		}
	}
	return all, more, err
}

// Alert returns an alert with its messages and its evidence.
func (c *Client) Alert(ctx context.Context, id string) (a api.StoredAlert, err error) {
	err = c.ask(ctx, request{method: http.MethodGet, path: alertPath(id)}, &a)
	if err == nil {
		a.Decoded, err = alerts.DecodeData(a.Alert)
	}
	return a, err
}

// Acknowledge records that an alert was seen.
func (c *Client) Acknowledge(ctx context.Context, id string, r api.AckRequest) (ack alerts.Ack, err error) {
	return ack, c.ask(ctx, request{method: http.MethodPost, path: alertPath(id) + "/ack", body: r}, &ack)
}

// Evidence returns the contents of a piece of evidence of an alert, after it has checked their digest.
func (c *Client) Evidence(ctx context.Context, e api.EvidenceFile) ([]byte, error) {
	path, ours := strings.CutPrefix(e.Path, root+"/alerts/")
	if !ours || e.Bytes > maxEvidence {
		return nil, c.readError(fmt.Errorf("evidence %q is not one of an alert", e.Path))
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	res, err := c.send(ctx, request{method: http.MethodGet, path: "/alerts/" + path})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	data, err := readAll(res.Body, int64(e.Bytes)) //nolint:gosec // It fits.
	if err != nil {
		return nil, c.readError(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, errcode.StoreDamaged.Wrap(fmt.Errorf("evidence %s is damaged: its SHA-256 is %x, must be %s",
			e.Path,
			sum, e.SHA256))
	}
	return data, nil
}

func alertPath(id string) string { return "/alerts/" + url.PathEscape(id) }
