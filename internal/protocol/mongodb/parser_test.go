// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mongodb

import (
	"fmt"
	"strings"
	"testing"
)

var okay = doc{"ok", 1.0}

func TestCommands(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		request, response string
		want              string
	}{
		"find": {
			msg(7, 0, 0, doc{"find", "people", "filter", doc{"a", 1, "r", pattern("^a")}, "lsid", doc{"id", binData("0123456789abcdef")}, "$db", "shop"}),
			msg(9, 7, 0, doc{"cursor", doc{"firstBatch", array{doc{"a", 1}, doc{"a", nil}}, "id", int64(0), "ns", "shop.people"}, "ok", 1.0}),
			"find shop.people # complete ok returned 2",
		},
		"getMore": {
			msg(7, 0, 0, doc{"getMore", int64(5), "collection", "people", "$db", "shop"}),
			msg(9, 7, 0, doc{"cursor", doc{"nextBatch", array{}, "id", int64(0), "ns", "shop.people"}, "ok", 1.0}),
			"getMore shop.people # complete ok returned 0",
		},
		"insert in a sequence": {
			msg(7, 0, 0, doc{"insert", "people", "ordered", true, "$db", "shop"}, sequence("documents", doc{"_id", 1}, doc{"_id", 2, "v", long})),
			msg(9, 7, 0, doc{"n", 2, "ok", 1.0}),
			"insert shop.people # complete ok batch 2",
		},
		"insert before its document, with a checksum": {
			frameOf(7, 0, opMsg, le32(flagChecksum)+sequence("documents", doc{"_id", 1})+"\x00"+bson(doc{"insert", "people", "$db", "shop"})+"crc!"),
			msg(9, 7, flagChecksum, doc{"n", 2, "ok", 1.0}),
			"insert shop.people # complete ok batch 1",
		},
		"update in the document": {
			msg(7, 0, 0, doc{"update", "people", "updates", array{doc{"q", doc{}, "u", doc{"$set", doc{"a", 1}}}, doc{}, doc{}}, "$db", "shop"}),
			msg(9, 7, 0, doc{"n", 2, "nModified", 1, "ok", 1}),
			"update shop.people # complete ok batch 3",
		},
		"write errors": {
			msg(7, 0, 0, doc{"insert", "people", "$db", "shop"}),
			msg(9, 7, 0, doc{"n", 0, "writeErrors", array{doc{"index", 0, "code", 11000, "errmsg", "E11000"}, doc{"code", 5}}, "ok", 1.0}),
			"insert shop.people # complete failed 11000 ",
		},
		"write concern": {
			msg(7, 0, 0, doc{"insert", "people", "$db", "shop"}),
			msg(9, 7, 0, doc{"n", 0, "ok", 1.0, "writeConcernError", doc{"code", 64, "codeName", "WriteConcernTimeout"}}),
			"insert shop.people # complete failed 64 WriteConcernTimeout",
		},
		"error": {
			msg(7, 0, 0, doc{"nosuch", "people", "$db", "shop"}),
			msg(9, 7, 0, doc{"ok", 0.0, "errmsg", "no such command", "code", 59, "codeName", "CommandNotFound"}),
			"nosuch shop. # complete failed 59 CommandNotFound unknown",
		},
		"database command": {
			msg(7, 0, 0, doc{"aggregate", 1, "pipeline", array{doc{"$currentOp", doc{}}}, "cursor", doc{}, "$db", "admin"}),
			msg(9, 7, 0, doc{"cursor", doc{"firstBatch", array{doc{}}, "id", int64(0), "ns", "admin.$cmd.aggregate"}, "ok", int64(1)}),
			"aggregate admin. # complete ok returned 1",
		},
		"authentication": {
			msg(7, 0, 0, doc{"saslStart", 1, "mechanism", "PLAIN", "payload", binData("\x00user\x00secret"), "$db", "admin"}),
			msg(9, 7, 0, doc{"conversationId", 1, "done", false, "payload", binData("r=secret"), "ok", 1.0}),
			"saslStart admin. # complete ok",
		},
		"user": {
			msg(7, 0, 0, doc{"createUser", "secret", "pwd", "secret", "$db", "admin"}),
			msg(9, 7, 0, okay),
			"createUser admin. # complete ok",
		},
		"bulkWrite": {
			msg(7, 0, 0, doc{"bulkWrite", 1, "$db", "admin"}, sequence("ops", doc{"insert", 0}, doc{"insert", 0}, doc{"delete", 0}), sequence("nsInfo", doc{"ns", "a.b"})),
			msg(9, 7, 0, okay),
			"bulkWrite admin. # complete ok batch 3",
		},
		"explain": {
			msg(7, 0, 0, doc{"explain", doc{"find", "people"}, "verbosity", "queryPlanner", "$db", "shop"}),
			msg(9, 7, 0, okay),
			"explain shop. # complete ok",
		},
		"legacy handshake": {
			query(7, "admin.$cmd", doc{"isMaster", 1, "client", doc{"name", "x"}}),
			replyMsg(9, 7, 8, doc{"ismaster", true, "ok", 1.0}),
			"isMaster admin. # complete ok legacy",
		},
		"legacy command in $query": {
			query(7, "shop.$cmd", doc{"$query", doc{"count", "people"}, "$readPreference", doc{"mode", "secondary"}}),
			replyMsg(9, 7, 8, doc{"ok", 0.0, "code", 13, "errmsg", "no"}),
			"count shop.people # complete failed 13  legacy",
		},
		"legacy query": {
			query(7, "shop.people.old", doc{}),
			replyMsg(9, 7, 8, doc{}, doc{}, doc{}),
			"query shop.people.old # complete ok returned 3 legacy unknown",
		},
		"legacy failure": {
			query(7, "shop.people", doc{}),
			replyMsg(9, 7, flagQueryFailure, doc{"$err", "x", "code", 10107}),
			"query shop.people # complete failed 10107  returned 1 legacy unknown",
		},
		"compressed": {compressed(7, 0, 100), compressed(9, 7, 50), " . # complete compressed unknown"},
		"compressed answer": {
			msg(7, 0, 0, doc{"find", "people", "$db", "shop"}), compressed(9, 7, 50),
			"find shop.people # complete compressed",
		},
		"no BSON": {
			frameOf(7, 0, opMsg, le32(0)+"\x00"+le32(1000)+"garbage garbage"), msg(9, 7, 0, okay), " . # complete ok unknown",
		},
		"no section": {
			frameOf(7, 0, opMsg, le32(0)+"\x09"+bson(doc{"a", 1})), msg(9, 7, 0, okay), " . # complete ok unknown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newConn(t, Options{})
			k.send(c.request)
			k.answer(c.response)
			k.expect(strings.Replace(c.want, "#", fmt.Sprintf("%d/%d", len(c.request), len(c.response)), 1))
			if len(k.all) == 1 {
				e := k.all[0]
				if e.RequestStart != 10 || e.RequestEnd != 15 || e.ResponseStart != 20 || e.ResponseEnd != 25 || e.End != 25 || e.RequestTag.Seq != 10 || e.ResponseTag.Seq != 20 {
					t.Errorf("%+v", e)
				}
			}
			for i := range k.p.q.ring {
				if strings.Contains(string(k.p.q.ring[i].buf[:cap(k.p.q.ring[i].buf)]), "secret") {
					t.Error("a secret was kept")
				}
			}
		})
	}
}

// A hole inside a message costs what it hides and no more.
func TestHoles(t *testing.T) {
	long := strings.Repeat("x", 5000)
	request := msg(7, 0, 0, doc{"insert", "people", "$db", "shop"}, sequence("documents", doc{"_id", 1, "v", long}, doc{"_id", 2, "v", long}))
	response := msg(9, 7, 0, doc{"cursor", doc{"firstBatch", array{doc{"v", long}, doc{"v", long}}, "id", int64(0), "ns", "shop.people"}, "ok", 1.0})
	for _, c := range []struct {
		keep int
		want string
	}{
		{16, " . %d/%d complete unknown"},
		{40, "insert . %d/%d complete"},
		{41, "insert . %d/%d complete"},
		{50, "insert .people %d/%d complete ok"},
		{60, "insert shop.people %d/%d complete ok"}, // of the response the cursor is seen
		{5000, "insert shop.people %d/%d complete ok"},
		{5200, "insert shop.people %d/%d complete ok batch 2"},
		{20000, "insert shop.people %d/%d complete ok batch 2 returned 2"},
	} {
		k := newConn(t, Options{})
		for range 2 {
			k.segment(Request, request, c.keep)
			k.segment(Response, response, c.keep)
		}
		want := fmt.Sprintf(c.want, len(request), len(response))
		k.expect(want, want)
		if s := k.cfg.Stats(); s.Gaps+s.SkippedBytes+s.OrphanResponses != 0 {
			t.Errorf("%+v", *s)
		}
	}
}

func TestResponsesThatPassUnseen(t *testing.T) {
	find := func(id int) string { return msg(id, 0, 0, doc{"find", "people", "$db", "shop"}) }
	k := newConn(t, Options{})
	k.send(find(1))
	k.p.Skip(Response, 100)
	k.send(find(2))
	k.answer(msg(9, 2, 0, okay))
	k.expect("find shop.people 57/38 complete ok")
	if s := k.cfg.Stats(); s.DropNoStatus != 1 || s.Requests != 2 {
		t.Errorf("%+v", *s)
	}
	// A request that was not seen.
	k.answer(msg(10, 77, 0, okay))
	if s := k.cfg.Stats(); s.OrphanResponses != 1 {
		t.Errorf("%+v", *s)
	}
	// Nothing comes after the hole.
	k.send(find(3))
	k.p.Skip(Response, 100)
	k.p.Idle(1)
	if s := k.cfg.Stats(); s.DropNoStatus != 2 || k.p.Pending() != 0 {
		t.Errorf("%+v", *s)
	}
	k.check()
}

// A hole that hides a boundary: both directions go on at a segment that begins with a header.
func TestResynchronise(t *testing.T) {
	find := func(id int) string { return msg(id, 0, 0, doc{"find", "people", "$db", "shop"}) }
	k := newConn(t, Options{})
	k.send(find(1)[30:]) // joined in the middle
	k.answer(msg(9, 1, 0, okay)[20:])
	k.send(find(2))
	k.answer(msg(9, 2, 0, okay))
	k.p.Skip(Request, 10)
	k.send("what is this?")
	k.send(find(3))
	k.segment(Response, msg(9, 3, 0, okay)+msg(10, 3, 0, okay), 60) // the second one's header is cut
	k.send(find(4))
	k.answer(msg(9, 4, 0, okay))
	k.expect("find shop.people 57/38 complete ok", "find shop.people 57/38 complete ok", "find shop.people 57/38 complete ok")
}

func TestMoreToCome(t *testing.T) {
	k := newConn(t, Options{})
	// Unacknowledged writes, one behind a command that waits.
	k.send(msg(1, 0, flagMoreToCome, doc{"insert", "a", "$db", "x"}))
	k.send(msg(2, 0, 0, doc{"find", "b", "$db", "x"}) + msg(3, 0, flagMoreToCome, doc{"insert", "c", "$db", "x"}))
	k.answer(msg(9, 2, 0, okay))
	// An exhaust cursor.
	k.send(msg(4, 0, 1<<16, doc{"getMore", int64(1), "collection", "d", "$db", "x"}))
	k.answer(msg(10, 4, flagMoreToCome, okay))
	k.answer(msg(11, 10, flagMoreToCome, okay) + msg(12, 11, 0, okay))
	k.answer(msg(13, 12, 0, okay))
	// Whether the first of these is unacknowledged is not seen.
	k.send(compressed(5, 0, 30))
	k.send(compressed(6, 0, 30))
	k.answer(compressed(14, 6, 30))
	k.expect(
		"insert x.a 51/-1 no reply",
		"find x.b 49/38 complete ok",
		"insert x.c 51/-1 no reply",
		"getMore x.d 72/38 complete ok more",
		" . 55/-1 no reply compressed unknown",
		" . 55/55 complete compressed unknown",
	)
	if s := k.cfg.Stats(); s.StreamedResponses != 2 || s.OrphanResponses != 1 || s.Drops() != 0 {
		t.Errorf("%+v", *s)
	}
}

func TestEnds(t *testing.T) {
	find := msg(1, 0, 0, doc{"find", "b", "$db", "x"})
	k := newConn(t, Options{})
	k.send(find)
	k.answer(msg(9, 1, 0, okay)[:30])
	k.p.Close(CloseReset, 77)
	k.expect("find x.b 49/30 response cut")
	if e := k.all[0]; e.End != 77 || e.Reason != CloseReset {
		t.Errorf("%+v", e)
	}
	k = newConn(t, Options{})
	k.send(find[:40])
	k.p.EOF(Request, 50)
	k.p.EOF(Response, 60)
	k.answer(msg(9, 1, 0, okay))
	k.expect("find .b -1/-1 no response")
	k = newConn(t, Options{})
	k.send(find)
	k.p.Skip(Response, 9)
	k.p.Reset()
	k.expect()
	if s := k.cfg.Stats(); s.DropNoStatus != 1 {
		t.Errorf("%+v", *s)
	}
	k.send(find)
	k.answer(msg(9, 1, 0, okay))
	k.expect("find x.b 49/38 complete ok")
	k = newConn(t, Options{MaxPipeline: 2})
	for range 3 {
		k.send(find)
	}
	if s := k.cfg.Stats(); s.DropOverflow != 1 || s.Requests != 3 {
		t.Errorf("%+v", *s)
	}
}
