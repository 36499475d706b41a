// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"github.com/DataDog/go-sqllexer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/postgresql"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// postgresqlSide turns exchanges of PostgreSQL into operations.
type postgresqlSide struct {
	p       *instrument
	parsers *postgresql.Config
	queries *cache
	ex      db.Exchange // for the call at hand
}

func newPostgreSQL(p *instrument) *postgresqlSide {
	return &postgresqlSide{p: p, parsers: postgresql.NewConfig(postgresql.Options{}), queries: newCache(sqllexer.DBMSPostgres)}
}

func (s *postgresqlSide) protocol() stream.Protocol {
	return &db.Protocol[postgresql.Exchange]{
		Recorder:  s.p.recorder,
		Kind:      stream.ProtoPostgreSQL,
		NewParser: func(emit func(*postgresql.Exchange)) segment.Parser { return s.parsers.NewParser(emit) },
		Recognize: postgresql.Recognize,
		Emit:      s.emit,
	}
}

// emit takes one exchange. in is valid only during the call.
func (s *postgresqlSide) emit(c *db.Conn, in *postgresql.Exchange) {
	switch in.Kind {
	case postgresql.KindParse, postgresql.KindBind, postgresql.KindDescribe, postgresql.KindClose:
		if !in.Failed() { // nothing was executed
			s.p.recorder.Filter()
			return
		}
	}
	strings := s.p.recorder.Strings
	s.ex = db.Exchange{
		System: "postgresql", Namespace: strings.Str(in.Database), Rows: -1,
		Request:     in.RequestTag,
		ResponseTID: in.ResponseTag.TID,
	}
	ex := &s.ex
	ex.SetTimes(in.RequestStart, in.RequestEnd, in.ResponseStart, in.ResponseEnd, in.End)
	switch {
	case in.Kind == postgresql.KindSync:
		ex.Operation, ex.Summary = "COMMIT", "COMMIT"
	case in.Kind == postgresql.KindFunction:
		ex.Operation = "FUNCTION CALL"
	case in.Text != nil:
		text, remote := splitComment(in.Text, true)
		if !in.Prepared { // else it is the context of an earlier call
			ex.Remote = remote
		}
		s.p.describe(ex, s.queries.get(text, in.TextCut), text)
	}
	s.result(ex, in)
	s.p.recorder.Record(c, ex)
}

// result writes how the operation ended.
func (s *postgresqlSide) result(ex *db.Exchange, in *postgresql.Exchange) {
	strings := s.p.recorder.Strings
	switch {
	case in.Failed():
		ex.Status = strings.Str(in.Code)
		ex.ErrorType = ex.Status
		if ex.Status == "" {
			ex.ErrorType = "_OTHER"
		}
	case in.Outcome == postgresql.Skipped:
		ex.ErrorType = "skipped"
	case in.Outcome == postgresql.NoResponse || in.Outcome == postgresql.ResponseCut:
		ex.ErrorType = db.CutError(in.Reason)
	}
	if len(in.Results) != 1 || in.Statements != 1 || in.ResultsCut {
		return
	}
	one := &in.Results[0]
	if ex.Operation == "" { // the server names it
		ex.Operation = strings.Str(one.Command)
	}
	if one.Command == nil || string(one.Command) == "SELECT" || string(one.Command) == "FETCH" {
		ex.Rows = one.Rows
	}
}

func (s *postgresqlSide) lost() (lost [probe.NumCauses]uint64) {
	st := s.parsers.Stats()
	lost[probe.Overflow] = st.DropOverflow
	lost[probe.Truncated] = st.DropAmbiguous
	lost[probe.Unmatched] = st.OrphanResponses
	lost[probe.Undecodable] = st.UndecodableRequests
	return lost
}

func (s *postgresqlSide) opaque() []opaque {
	return []opaque{{"encrypted", s.parsers.Stats().Encrypted}}
}
