// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"bytes"
	"strconv"

	"github.com/DataDog/go-sqllexer"

	"github.com/ebpfreceiver/ebpfreceiver/internal/probes/internal/db"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/mysql"
	"github.com/ebpfreceiver/ebpfreceiver/internal/protocol/segment"
	"github.com/ebpfreceiver/ebpfreceiver/internal/stream"
	"github.com/ebpfreceiver/ebpfreceiver/receiver/probe"
)

// mysqlSide turns exchanges of MySQL and MariaDB into operations.
type mysqlSide struct {
	p       *instrument
	parsers *mysql.Config
	queries *cache
	ex      db.Exchange // for the call at hand
	// products is what servers said that they are.
	products map[serverKey]string
}

// serverKey knows a server by its address.
type serverKey struct {
	address string
	port    uint16
}

// maxProducts bounds the servers that are remembered.
const maxProducts = 1024

func newMySQL(p *instrument) *mysqlSide {
	return &mysqlSide{p: p, parsers: mysql.NewConfig(mysql.Options{}), queries: newCache(sqllexer.DBMSMySQL), products: map[serverKey]string{}}
}

func (s *mysqlSide) protocol() stream.Protocol {
	return &db.Protocol[mysql.Exchange]{
		Recorder:  s.p.recorder,
		Kind:      stream.ProtoMySQL,
		NewParser: func(emit func(*mysql.Exchange)) segment.Parser { return s.parsers.NewParser(emit) },
		Recognize: mysql.Recognize,
		Greet:     s.greet,
		Emit:      s.emit,
	}
}

// greet reads the server's version in the first packet of a connection (MySQL
// documentation, "Protocol::HandshakeV10").
func (s *mysqlSide) greet(c *db.Conn, b []byte) {
	const header, protocol = 4, 10
	k := serverKey{c.ServerAddress, c.ServerPort}
	if len(b) < header+2 || b[3] != 0 || b[header] != protocol {
		c.Product = s.products[k]
		return
	}
	version, _, _ := bytes.Cut(b[header+1:], []byte{0})
	c.Product = "mysql"
	if bytes.Contains(version, []byte("MariaDB")) {
		c.Product = "mariadb"
	}
	if len(s.products) >= maxProducts {
		clear(s.products)
	}
	s.products[k] = c.Product
}

// emit takes one exchange. in is valid only during the call.
func (s *mysqlSide) emit(c *db.Conn, in *mysql.Exchange) {
	operation, executes := s.kind(in)
	if !executes && in.ErrorCode == 0 {
		s.p.recorder.Filter()
		return
	}
	strings := s.p.recorder.Strings
	s.ex = db.Exchange{
		System: "mysql", Operation: operation, Namespace: strings.Str(in.Database), Rows: in.ReturnedRows,
		Request:     in.RequestTag,
		ResponseTID: in.ResponseTag.TID,
	}
	ex := &s.ex
	if c.Product != "" {
		ex.System = c.Product
	}
	ex.SetTimes(in.RequestStart, in.RequestEnd, in.ResponseStart, in.ResponseEnd, in.End)
	if in.Text != nil && operation == "" {
		text, remote := splitComment(in.Text, false)
		if in.Command == mysql.ComQuery { // else it is the context of the preparation
			ex.Remote = remote
		}
		s.p.describe(ex, s.queries.get(text, in.TextCut), text)
	}
	switch {
	case in.ErrorCode != 0:
		ex.Status = strings.Str(strconv.AppendUint(nil, uint64(in.ErrorCode), 10))
		ex.ErrorType = ex.Status
	case in.Outcome == mysql.NoResponse || in.Outcome == mysql.ResponseCut:
		ex.ErrorType = db.CutError(in.Reason)
	}
	s.p.recorder.Record(c, ex)
}

// kind tells whether a command executes anything, and names those without a text.
func (s *mysqlSide) kind(in *mysql.Exchange) (operation string, executes bool) {
	switch in.Command {
	case mysql.ComQuery, mysql.ComStmtExecute, mysql.ComStmtBulkExecute:
		return "", true
	case mysql.ComStmtFetch:
		return "FETCH", true
	case mysql.ComInitDB:
		return "USE", true
	case mysql.ComStmtPrepare:
		return "", false
	default:
		return in.Command.String(), false
	}
}

func (s *mysqlSide) lost() (lost [probe.NumCauses]uint64) {
	st := s.parsers.Stats()
	lost[probe.Overflow] = st.DropOverflow
	lost[probe.Truncated] = st.DropAmbiguous
	lost[probe.Unmatched] = st.OrphanResponses
	lost[probe.Undecodable] = st.UndecodableRequests
	return lost
}

func (s *mysqlSide) opaque() []opaque {
	st := s.parsers.Stats()
	return []opaque{
		{"encrypted", st.Encrypted}, {"compressed (MySQL)", st.Compressed}, {"streams of replication (MySQL)", st.Replication},
		{"of a protocol older than MySQL 4.1", st.OldProtocols},
	}
}
