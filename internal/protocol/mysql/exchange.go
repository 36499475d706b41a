// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package mysql

// Command is the first byte of a command packet.
type Command uint8

// The commands that clients send.
const (
	ComQuit            Command = 0x01
	ComInitDB          Command = 0x02
	ComQuery           Command = 0x03
	ComFieldList       Command = 0x04
	ComCreateDB        Command = 0x05
	ComDropDB          Command = 0x06
	ComRefresh         Command = 0x07
	ComShutdown        Command = 0x08
	ComStatistics      Command = 0x09
	ComProcessInfo     Command = 0x0a
	ComProcessKill     Command = 0x0c
	ComDebug           Command = 0x0d
	ComPing            Command = 0x0e
	ComChangeUser      Command = 0x11
	ComBinlogDump      Command = 0x12
	ComTableDump       Command = 0x13
	ComRegisterReplica Command = 0x15
	ComStmtPrepare     Command = 0x16
	ComStmtExecute     Command = 0x17
	ComStmtLongData    Command = 0x18
	ComStmtClose       Command = 0x19
	ComStmtReset       Command = 0x1a
	ComSetOption       Command = 0x1b
	ComStmtFetch       Command = 0x1c
	ComBinlogDumpGTID  Command = 0x1e
	ComResetConnection Command = 0x1f
	ComStmtBulkExecute Command = 0xfa // MariaDB
)

func (c Command) String() string {
	if n := names[c]; n != "" {
		return n
	}
	return "unknown"
}

// names are the commands that are recognised.
var names = [256]string{
	ComQuit: "quit", ComInitDB: "init_db", ComQuery: "query", ComFieldList: "field_list", ComCreateDB: "create_db",
	ComDropDB: "drop_db", ComRefresh: "refresh", ComShutdown: "shutdown", ComStatistics: "statistics",
	ComProcessInfo: "process_info", ComProcessKill: "process_kill", ComDebug: "debug", ComPing: "ping",
	ComChangeUser: "change_user", ComBinlogDump: "binlog_dump", ComTableDump: "table_dump",
	ComRegisterReplica: "register_replica", ComStmtPrepare: "stmt_prepare", ComStmtExecute: "stmt_execute",
	ComStmtLongData: "stmt_send_long_data", ComStmtClose: "stmt_close", ComStmtReset: "stmt_reset",
	ComSetOption: "set_option", ComStmtFetch: "stmt_fetch", ComBinlogDumpGTID: "binlog_dump_gtid",
	ComResetConnection: "reset_connection", ComStmtBulkExecute: "stmt_bulk_execute",
}

// Outcome says how much of an exchange was seen.
type Outcome uint8

const (
	// Complete: the response ended, with all results or with the error given. With
	// ResultsCut, its end was seen and is that of a success.
	Complete Outcome = iota
	// NoResponse: the connection ended before a byte of the response.
	NoResponse
	// ResponseCut: the connection ended in the middle of the response.
	ResponseCut
	// Truncated: the response ended, but a hole took its result. It may have been an error.
	Truncated
	// OneWay: the command has no response.
	OneWay
)

func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case NoResponse:
		return "no response"
	case ResponseCut:
		return "response cut"
	case Truncated:
		return "truncated"
	case OneWay:
		return "one way"
	}
	return "unknown"
}

// Exchange is one command with its response. It and its slices are valid only during the
// emit call. Nil slices and -1 mean that a thing is not known or was not said.
type Exchange struct {
	Command Command
	// Text is the query as sent, of one or more statements, or the name of the database of
	// COM_INIT_DB. It is nil for a prepared statement whose preparation was not seen. TextCut:
	// only its beginning is known.
	Text    []byte
	TextCut bool
	// StatementID is the number of the prepared statement when StatementKnown.
	StatementID    uint32
	StatementKnown bool
	LocalInfile    bool // the client sent a file

	User []byte // of the login
	// Database is the default one when the command was sent; nil when it is not known.
	Database []byte

	// Results is the number of results that ended without error: one for each statement, and
	// for a CALL one for each result set it made and one more. ResultsCut: a hole took some.
	Results    int
	ResultsCut bool
	// ReturnedRows is the number of rows of all result sets, -1 without one. AffectedRows is
	// the sum of what the results without rows say, -1 without one. Both are -1 with ResultsCut.
	ReturnedRows, AffectedRows int64

	ErrorCode uint16 // 0 without an error
	SQLState  []byte // of the error

	// Bytes of the packets on the wire, -1 when not exactly known. When cut by the
	// connection's end: what passed until then.
	RequestSize, ResponseSize int64

	// Kernel times, ns, 0 when unknown.
	RequestStart, RequestEnd, ResponseStart, ResponseEnd uint64
	// End is ResponseEnd when that is known, else the close or the last byte seen before
	// the exchange was given up; for a command without response, RequestEnd.
	End uint64

	RequestTag, ResponseTag Tag

	Outcome Outcome
	Reason  CloseReason // set when the exchange was ended by the connection's end
}
