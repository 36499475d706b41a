// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The routes that programs of Go choose for requests: net/http's ServeMux, and routers of others.
 * Each is one hit where the choice is known and the handler was not called yet. Where one router calls
 * another the inner one is the last to come by. */
#ifndef __EBPFRECEIVER_GO_ROUTES_H
#define __EBPFRECEIVER_GO_ROUTES_H

/* What the text of a route is. It stands in front of the text but for ROUTE_SERVEMUX. */
enum route_kind {
	ROUTE_SERVEMUX, /* "[METHOD ][HOST]/[PATH]" */
	ROUTE_PATH,	/* what http.route is to be */
	ROUTE_CHI,	/* patterns of nested routers of chi, one behind the other */
};

/* A request whose route is to be noted. */
struct routed {
	__u64 conn;
	__u32 seq;
	bool turns; /* requests of the connection come one at a time */
};

/* The request that the goroutine serves, if it is one that is not answered. */
static __always_inline bool routes(struct pt_regs *ctx, __u32 tgid, struct go_process *p, struct routed *to)
{
	struct goroutine g = {.g = GO_G(ctx), .tgid = tgid};
	struct thread *t = bpf_map_lookup_elem(&go_goroutines, &g);
	struct seg only = {};

	if (!takes_part(t)) {
		go_ask(p);
		return false;
	}
	if (!serves(t, &only))
		return false;
	to->conn = only.parent_conn;
	to->seq = only.parent_seq;
	to->turns = t->kind == PART_TURNS;
	return true;
}

static __always_inline bool note_number(__u32 tgid, const struct routed *to, __u16 number)
{
	struct go_told told = {
		.kind = TOLD_ROUTE, .conn = to->conn, .stream = to->seq, .tgid = tgid, .route = number,
	};

	return to->turns ? serving_route(to->conn, to->seq, number) : tell(&told);
}

/* Says why a route is not known. That of a router around this one would be half of it. */
static __noinline int note_none(__u32 tgid, const struct routed *to, enum go_counter why)
{
	go_count(why);
	note_number(tgid, to, 0);
	return 0;
}

/* Not a global function: until 6.1 what such a one is given cannot be a map's key. */
static __noinline int note_route(__u32 tgid, const struct routed *to, const struct go_route *r)
{
	__u16 number = route_number(r, ROUTES);

	if (!number)
		return note_none(tgid, to, G_UNROUTED);
	if (note_number(tgid, to, number))
		go_count(G_ROUTED);
	else if (to->turns) /* else there was no space in the ring, which is counted */
		go_count(G_UNROUTED);
	return 0;
}

struct go_string {
	__u64 at, len;
};

/* Notes the string at an address of the program, of an enum route_kind. */
__noinline int note_string(__u32 tgid, const struct routed *to, __u64 at, __u32 kind)
{
	struct {
		struct go_route r;
		__u8 beyond[8];
	} text = {};
	struct go_string s;
	__u64 begin = kind != ROUTE_SERVEMUX;

	if (!to)
		return 0;
	if (bpf_probe_read_user(&s, sizeof(s), (void *)at))
		return note_none(tgid, to, G_UNREADABLE);
	if (!s.len || s.len > ROUTE_MAX - begin)
		return note_none(tgid, to, G_UNROUTED);
	if (begin)
		text.r.text[0] = kind;
	barrier_var(s.len);
	barrier_var(begin); /* else it becomes a bit that is set in the pointer, which is not allowed */
	if (begin > 1 || s.len > ROUTE_MAX || bpf_probe_read_user(text.r.text + begin, s.len, (void *)s.at))
		return note_none(tgid, to, G_UNREADABLE);
	if (begin && text.r.text[1] != '/') /* all of these routers see to that */
		return note_none(tgid, to, G_UNREADABLE);
	return note_route(tgid, to, &text.r);
}

/* Where net/http.(*ServeMux).ServeHTTP has just called findHandler, which has five results in
 * registers. The last is the *pattern, which begins with the string that the program gave. */
SEC("uprobe")
int go_route(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, pattern = GO_ARG5(ctx);
	struct go_process *p = go_process(tgid);
	struct routed to;

	if (!p || !pattern) /* no pattern, no route */
		return 0;
	return routes(ctx, tgid, p, &to) ? note_string(tgid, &to, pattern, ROUTE_SERVEMUX) : 0;
}

/* Where things are in structures of a router, which a hook's cookie tells in 16 bits each. */
#define PLACE(cookie, n) ((cookie) >> (16 * (n)) & 0xffff)

/* Where github.com/gin-gonic/gin.(*Engine).handleHTTPRequest has called (*node).getValue for the method of
 * the request. The cookie tells how far above the stack pointer the nodeValue is that it got, and where that
 * has fullPath, and handlers: without them there is no route. */
SEC("uprobe")
int go_route_gin(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, cookie = bpf_get_attach_cookie(ctx), handlers, value;
	struct go_process *p = go_process(tgid);
	struct routed to;

	if (!p || !routes(ctx, tgid, p, &to))
		return 0;
	value = GO_STACK(ctx) + PLACE(cookie, 0);
	if (bpf_probe_read_user(&handlers, sizeof(handlers), (void *)(value + PLACE(cookie, 2))))
		return note_none(tgid, &to, G_UNREADABLE);
	return handlers ? note_string(tgid, &to, value + PLACE(cookie, 1), ROUTE_PATH) : 0;
}

/* How many routers of chi may be nested. */
#define CHI_DEPTH 6

/* Where github.com/go-chi/chi.(*Mux).routeHTTP has just called FindRoute, whose third result is the
 * handler, an interface. The cookie tells how far above the stack pointer the room of its second argument
 * is, the *Context, where it was kept, and where that has routePattern and RoutePatterns. FindRoute has
 * just appended the first to the second: were anything not where it is thought, that would not be so. */
SEC("uprobe")
int go_route_chi(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, cookie = bpf_get_attach_cookie(ctx), found;
	struct go_process *p = go_process(tgid);
	struct {
		struct go_route r;
		__u8 beyond[ROUTE_MAX]; /* for the verifier: nothing is noted that comes to this */
	} joined = {};
	struct go_string last, s = {};
	struct routed to;
	struct {
		__u64 at, len;
	} patterns;
	__u32 end = 1;

	if (!p || !GO_ARG3(ctx)) /* no handler, no route */
		return 0;
	if (!routes(ctx, tgid, p, &to))
		return 0;
	if (bpf_probe_read_user(&found, sizeof(found), (void *)(GO_STACK(ctx) + PLACE(cookie, 0))) ||
	    bpf_probe_read_user(&last, sizeof(last), (void *)(found + PLACE(cookie, 1))) ||
	    bpf_probe_read_user(&patterns, sizeof(patterns), (void *)(found + PLACE(cookie, 2))))
		goto unreadable;
	if (!patterns.len || patterns.len > CHI_DEPTH)
		return note_none(tgid, &to, G_UNROUTED);
	joined.r.text[0] = ROUTE_CHI;
	for (int i = 0; i < CHI_DEPTH; i++) {
		if (i >= patterns.len)
			break;
		if (bpf_probe_read_user(&s, sizeof(s), (void *)(patterns.at + i * sizeof(s))))
			goto unreadable;
		if (s.len >= ROUTE_MAX || end + s.len >= ROUTE_MAX)
			return note_none(tgid, &to, G_UNROUTED);
		end &= ROUTE_MAX - 1;
		s.len &= ROUTE_MAX - 1;
		barrier_var(s.len);
		if (s.len && bpf_probe_read_user(joined.r.text + end, s.len & (ROUTE_MAX - 1), (void *)s.at))
			goto unreadable;
		end += s.len;
	}
	if (s.at != last.at || s.len != last.len || joined.r.text[1] != '/')
		goto unreadable;
	return note_route(tgid, &to, &joined.r);
unreadable:
	return note_none(tgid, &to, G_UNREADABLE);
}

/* github.com/gorilla/mux.requestWithRoute(r *http.Request, route *Route), called for a route that was
 * found. The cookie tells where the Route has the pointer to what matches paths, and where that has the
 * template. */
SEC("uprobe")
int go_route_mux(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, cookie = bpf_get_attach_cookie(ctx), path;
	struct go_process *p = go_process(tgid);
	struct routed to;

	if (!p || !GO_ARG2(ctx) || !routes(ctx, tgid, p, &to))
		return 0;
	if (bpf_probe_read_user(&path, sizeof(path), (void *)(GO_ARG2(ctx) + PLACE(cookie, 0))))
		return note_none(tgid, &to, G_UNREADABLE);
	if (!path) /* it matches by the host or the like */
		return 0;
	return note_string(tgid, &to, path + PLACE(cookie, 1), ROUTE_PATH);
}

/* The function that github.com/labstack/echo.(*Echo).add makes around each handler. Its argument is an
 * interface, whose value mostly is the *context itself: where that has the handler is the closure that
 * is being called, by which it shows. The cookie tells where it has the path, and the handler. */
SEC("uprobe")
int go_route_echo(struct pt_regs *ctx)
{
	__u64 tgid = bpf_get_current_pid_tgid() >> 32, cookie = bpf_get_attach_cookie(ctx), handler;
	struct go_process *p = go_process(tgid);
	struct routed to;

	if (!p || !routes(ctx, tgid, p, &to))
		return 0;
	if (bpf_probe_read_user(&handler, sizeof(handler), (void *)(GO_ARG2(ctx) + PLACE(cookie, 1))) ||
	    handler != GO_CLOSURE(ctx))
		return note_none(tgid, &to, G_UNREADABLE);
	return note_string(tgid, &to, GO_ARG2(ctx) + PLACE(cookie, 0), ROUTE_PATH);
}

#endif
