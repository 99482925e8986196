package access

import (
	"context"
	"net/http/httptest"
	"testing"
)

// A request is still allowed only with the rights that it began with.
func TestStillAllowedWithTheSameRights(t *testing.T) {
	began := Principal{KindToken, "screen", Grant{RoleView, []string{"gate"}}}
	for _, tt := range []struct {
		now  Principal
		err  error
		want bool
	}{
		{began, nil, true},
		{began, ErrWrong, false},
		{Principal{KindToken, "screen", Grant{RoleView, nil}}, nil, false},
		{Principal{KindToken, "screen", Grant{RoleView, []string{"yard"}}}, nil, false},
		{Principal{KindToken, "screen", Grant{RoleOperate, []string{"gate"}}}, nil, false},
		{Principal{KindAnonymous, "", Grant{RoleView, nil}}, nil, false},
	} {
		ctx := context.WithValue(t.Context(), admittedKey, admitted{began, func() (Principal, error) {
			return tt.now, tt.err
		}})
		if got := StillAllowed(ctx); got != tt.want {
			t.Errorf("now %+v, %v: %v", tt.now, tt.err, got)
		}
	}
}

func TestClient(t *testing.T) {
	for _, tt := range []struct {
		who          Principal
		remote, want string
	}{
		{Principal{Kind: KindUser, Name: "anna"}, "10.0.0.1:99", "user:anna"},
		{Principal{Kind: KindSocket}, "@", "cli"},
		{Principal{Kind: KindAnonymous}, "127.0.0.1:99", "anonymous localhost"},
		{Principal{Kind: KindAnonymous}, "127.0.0.2:9", "anonymous localhost"},
		{Principal{Kind: KindOneTime}, "[2001:db8::1]:99", "open 2001:db8::/64"},
	} {
		r := httptest.NewRequestWithContext(
			context.WithValue(t.Context(), admittedKey, admitted{who: tt.who}), "GET", "/", nil)
		r.RemoteAddr = tt.remote
		if got := Client(r); got != tt.want {
			t.Errorf("%+v from %s: %q, want %q", tt.who, tt.remote, got, tt.want)
		}
	}
}
