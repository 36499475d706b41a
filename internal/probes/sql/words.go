// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

// verbs are the words that begin statements in PostgreSQL, MySQL and MariaDB. What
// begins otherwise is not summarised: it may be anything.
var verbs = []string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES", "TABLE", "CALL", "DO",
	"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "COMMENT", "GRANT", "REVOKE", "REASSIGN", "SECURITY",
	"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "XA",
	"PREPARE", "EXECUTE", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE",
	"SET", "RESET", "SHOW", "USE", "EXPLAIN", "DESCRIBE", "DESC", "ANALYZE", "HELP",
	"COPY", "LOAD", "IMPORT", "LOCK", "UNLOCK", "VACUUM", "REINDEX", "CLUSTER", "REFRESH", "CHECKPOINT",
	"DISCARD", "LISTEN", "NOTIFY", "UNLISTEN", "KILL", "FLUSH", "OPTIMIZE", "REPAIR", "CHECK", "CHECKSUM",
	"HANDLER", "BINLOG", "CHANGE", "PURGE", "INSTALL", "UNINSTALL", "CACHE", "SHUTDOWN", "STOP", "SIGNAL",
}

// objects are the kinds of things that CREATE, ALTER and DROP name.
var objects = []string{
	"TABLE", "INDEX", "VIEW", "DATABASE", "SCHEMA", "USER", "ROLE", "FUNCTION", "PROCEDURE", "TRIGGER",
	"SEQUENCE", "EXTENSION", "TYPE", "DOMAIN", "EVENT", "AGGREGATE", "POLICY", "PUBLICATION", "SUBSCRIPTION",
	"SERVER", "TABLESPACE", "COLLATION", "OPERATOR", "RULE", "STATISTICS", "LANGUAGE", "CAST",
}

// modifiers come between CREATE, ALTER or DROP and the kind of thing.
var modifiers = []string{
	"OR", "REPLACE", "TEMPORARY", "TEMP", "UNIQUE", "UNLOGGED", "GLOBAL", "LOCAL", "MATERIALIZED", "RECURSIVE",
	"FOREIGN", "FULLTEXT", "SPATIAL", "CONSTRAINT", "ONLINE", "OFFLINE", "EVENT_TRIGGER", "DEFINER",
}

// beforeTarget are words that may come before a name.
var beforeTarget = []string{
	"TABLE", "TABLES", "ONLY", "IF", "NOT", "EXISTS", "CONCURRENTLY", "IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY",
	"LATERAL", "MATERIALIZED", "VIEW", "FULL", "FREEZE", "VERBOSE", "ANALYZE", "OVERWRITE", "QUICK",
}
