//go:build cgo && gocv_videoio

// FFmpeg follows a camera's redirects, playlists and session descriptions to any host and has no option to restrict the
// hosts; nor has OpenCV an option to limit the size of a frame. So this file interposes the functions through which
// both must go: a definition in the program takes precedence over one in a shared library. They pass through to the
// originals unless the thread is guarded.
//
// A name may be resolved if it is on the allow list, and connections may go to the addresses that it resolved to. A
// numeric address is allowed if it is one of those. Everything else, including local sockets, is refused, and the first
// refused host is recorded.
#define _GNU_SOURCE
#include "guard.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { max_hosts = 64, max_addresses = 256, name_size = 256 };

struct vigil_guard {
	int hosts;
	struct {
		char name[name_size];
		int port; // 0 for all ports
	} host[max_hosts];
	int addresses;
	struct {
		struct in6_addr ip; // an IPv4 address is stored as IPv4-mapped
		int port;
	} address[max_addresses];
	char refused[name_size + 16];
};

static __thread vigil_guard *current;

// The interposed functions.
typedef int resolve_function(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef int connect_function(int, const struct sockaddr *, socklen_t);
typedef ssize_t sendto_function(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
typedef int size_function(unsigned, unsigned, int64_t, enum AVPixelFormat, int, void *);
typedef AVCodecContext *context_function(const AVCodec *);

// The definitions use different names here, because headers declare some of the functions with types that a definition
// cannot repeat.
int guarded_getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **) __asm__("getaddrinfo");
int guarded_connect(int, const struct sockaddr *, socklen_t) __asm__("connect");
ssize_t guarded_sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t) __asm__("sendto");
int limited_check_size(unsigned, unsigned, int64_t, enum AVPixelFormat, int, void *) __asm__("av_image_check_size2");
AVCodecContext *limited_alloc_context(const AVCodec *) __asm__("avcodec_alloc_context3");

static void *next(const char *name, void *_Atomic *kept)
{
	void *f = atomic_load(kept);
	if (!f) {
		f = dlsym(RTLD_NEXT, name);
		if (!f)
			abort(); // the function does not exist, so nothing can work
		atomic_store(kept, f);
	}
	return f;
}

#define NEXT(type, name)           \
	({                         \
		static void *_Atomic kept; \
		(type *)next(name, &kept); \
	})

// ip_of converts an address to IPv6 and returns 1, or returns 0 if it is of another family.
static int ip_of(const struct sockaddr *a, struct in6_addr *ip, int *port)
{
	if (a->sa_family == AF_INET6) {
		const struct sockaddr_in6 *s = (const struct sockaddr_in6 *)a;
		*ip = s->sin6_addr;
		*port = ntohs(s->sin6_port);
		return 1;
	}
	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *s = (const struct sockaddr_in *)a;
		memset(ip, 0, sizeof *ip);
		ip->s6_addr[10] = ip->s6_addr[11] = 0xff;
		memcpy(&ip->s6_addr[12], &s->sin_addr, 4);
		*port = ntohs(s->sin_port);
		return 1;
	}
	return 0;
}

static int may_reach(const vigil_guard *g, const struct sockaddr *a)
{
	struct in6_addr ip;
	int port;
	if (!ip_of(a, &ip, &port))
		return 0;
	for (int i = 0; i < g->addresses; i++)
		if (!memcmp(&g->address[i].ip, &ip, sizeof ip) && (!g->address[i].port || !port || g->address[i].port == port))
			return 1;
	return 0;
}

static void keep(vigil_guard *g, const struct addrinfo *list, int port)
{
	for (; list; list = list->ai_next) {
		struct in6_addr ip;
		int unused, known = 0;
		if (!list->ai_addr || !ip_of(list->ai_addr, &ip, &unused))
			continue;
		for (int i = 0; i < g->addresses; i++)
			known |= !memcmp(&g->address[i].ip, &ip, sizeof ip) && g->address[i].port == port;
		if (known || g->addresses == max_addresses)
			continue;
		g->address[g->addresses].ip = ip;
		g->address[g->addresses++].port = port;
	}
}

static void refuse(vigil_guard *g, const char *host, int port)
{
	if (*g->refused)
		return;
	int colon = !!strchr(host, ':');
	if (port > 0)
		snprintf(g->refused, sizeof g->refused, colon ? "[%.*s]:%d" : "%.*s:%d", name_size - 1, host, port);
	else
		snprintf(g->refused, sizeof g->refused, "%.*s", name_size - 1, host);
}

static void refuse_address(vigil_guard *g, const struct sockaddr *a)
{
	struct in6_addr ip;
	int port;
	char text[INET6_ADDRSTRLEN] = "a local socket";
	if (!ip_of(a, &ip, &port))
		port = 0;
	else if (IN6_IS_ADDR_V4MAPPED(&ip))
		inet_ntop(AF_INET, &ip.s6_addr[12], text, sizeof text);
	else
		inet_ntop(AF_INET6, &ip, text, sizeof text);
	refuse(g, text, port);
}

// resolve_figures parses a numeric address.
static int resolve_figures(const char *host, struct addrinfo **list)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	return NEXT(resolve_function, "getaddrinfo")(host, NULL, &hints, list);
}

// is_within returns whether a numeric host is among the allowed addresses.
static int is_within(const vigil_guard *g, const char *host, int port)
{
	struct addrinfo *list;
	if (resolve_figures(host, &list))
		return 0;
	int within = 0;
	for (int i = 0; i < g->addresses && !within; i++) {
		struct in6_addr ip;
		int unused;
		within = ip_of(list->ai_addr, &ip, &unused) && !memcmp(&g->address[i].ip, &ip, sizeof ip) &&
			 (!g->address[i].port || !port || g->address[i].port == port);
	}
	freeaddrinfo(list);
	return within;
}

int guarded_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	resolve_function *resolve = NEXT(resolve_function, "getaddrinfo");
	vigil_guard *g = current;
	// A numeric address needs no resolving.
	if (!g || !node || !*node || (hints && hints->ai_flags & AI_NUMERICHOST))
		return resolve(node, service, hints, list);
	int port = service ? atoi(service) : 0, named = 0, any = 0;
	for (int i = 0; i < g->hosts; i++)
		if (!strcasecmp(g->host[i].name, node) && (!g->host[i].port || !port || g->host[i].port == port)) {
			named = 1;
			any |= !g->host[i].port;
		}
	if (!named && !is_within(g, node, port)) {
		refuse(g, node, port);
		return EAI_FAIL;
	}
	current = NULL; // the system's resolver may connect anywhere
	int err = resolve(node, service, hints, list);
	current = g;
	if (!err && named)
		keep(g, *list, any ? 0 : port);
	return err;
}

int guarded_connect(int fd, const struct sockaddr *a, socklen_t size)
{
	vigil_guard *g = current;
	if (g && a && a->sa_family != AF_UNSPEC && !may_reach(g, a)) {
		refuse_address(g, a);
		errno = EACCES;
		return -1;
	}
	return NEXT(connect_function, "connect")(fd, a, size);
}

ssize_t guarded_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *a, socklen_t a_size)
{
	vigil_guard *g = current;
	if (g && a && !may_reach(g, a)) {
		refuse_address(g, a);
		errno = EACCES;
		return -1;
	}
	return NEXT(sendto_function, "sendto")(fd, data, size, flags, a, a_size);
}

vigil_guard *vigil_guard_new(void) { return calloc(1, sizeof(vigil_guard)); }
void vigil_guard_free(vigil_guard *g) { free(g); }
void vigil_guard_enter(vigil_guard *g) { current = g; }
const char *vigil_guard_refused(const vigil_guard *g) { return g->refused; }

int vigil_guard_allow(vigil_guard *g, const char *host, int port)
{
	if (g->hosts == max_hosts || strlen(host) >= name_size)
		return -1;
	strcpy(g->host[g->hosts].name, host);
	g->host[g->hosts++].port = port;
	struct addrinfo *list;
	if (!resolve_figures(host, &list)) {
		keep(g, list, port);
		freeaddrinfo(list);
	}
	return 0;
}

// The last refused size, with the width in the upper half.
static _Atomic uint64_t too_large;

int vigil_too_large(int *width, int *height)
{
	uint64_t size = atomic_exchange(&too_large, 0);
	*width = size >> 32;
	*height = size & 0xffffffff;
	return !!size;
}

// Every decoder calls this before it allocates a frame.
int limited_check_size(unsigned w, unsigned h, int64_t most, enum AVPixelFormat format, int offset, void *log)
{
	if ((uint64_t)w * h > VIGIL_MOST_PIXELS) {
		atomic_store(&too_large, (uint64_t)w << 32 | h);
		return AVERROR(EINVAL);
	}
	return NEXT(size_function, "av_image_check_size2")(w, h, most, format, offset, log);
}

// Decoders of other libraries take the limit from their context.
AVCodecContext *limited_alloc_context(const AVCodec *codec)
{
	AVCodecContext *c = NEXT(context_function, "avcodec_alloc_context3")(codec);
	if (c)
		c->max_pixels = VIGIL_MOST_PIXELS;
	return c;
}

static int is_taken_over(const char *name, void *by) { return dlsym(RTLD_DEFAULT, name) == by; }

int vigil_guard_works(void)
{
	return is_taken_over("getaddrinfo", (void *)guarded_getaddrinfo) &&
	       is_taken_over("connect", (void *)guarded_connect) && is_taken_over("sendto", (void *)guarded_sendto) &&
	       is_taken_over("av_image_check_size2", (void *)limited_check_size) &&
	       is_taken_over("avcodec_alloc_context3", (void *)limited_alloc_context);
}
