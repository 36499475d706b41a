// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"testing"

	"github.com/DataDog/go-sqllexer"
	"github.com/stretchr/testify/assert"
)

func TestAnalyse(t *testing.T) {
	const pg, my = sqllexer.DBMSPostgres, sqllexer.DBMSMySQL
	for _, c := range []struct {
		dialect             sqllexer.DBMSType
		in, text, summary   string
		operation, tableOne string
	}{
		{pg, "SELECT * FROM users WHERE name = 'secret' AND id=42", "SELECT * FROM users WHERE name = ? AND id=?", "SELECT users", "SELECT", "users"},
		{pg, "select abalance from pgbench_accounts where aid = $1;", "select abalance from pgbench_accounts where aid = $1", "SELECT pgbench_accounts", "SELECT", "pgbench_accounts"},
		{pg, "SELECT 1", "SELECT ?", "SELECT", "SELECT", ""},
		{pg, "SELECT * FROM songs, artists a WHERE x IN (1, 2,3)", "SELECT * FROM songs, artists a WHERE x IN (?)", "SELECT songs artists", "SELECT", ""},
		{pg, "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders", "INSERT INTO shipping_details (order_id, address) SELECT order_id, address FROM orders", "INSERT shipping_details SELECT orders", "", ""},
		{pg, "INSERT INTO t VALUES (1,'a'),(2,'b')", "INSERT INTO t VALUES (?),(?)", "INSERT t", "INSERT", "t"},
		{pg, "SELECT * FROM a JOIN b ON a.id = b.id LEFT JOIN public.c USING (id)", "SELECT * FROM a JOIN b ON a.id = b.id LEFT JOIN public.c USING (id)", "SELECT a b public.c", "SELECT", ""},
		{pg, "SELECT extract(epoch FROM ts), substring(a from 2) FROM logs", "SELECT extract(epoch FROM ts), substring(a from ?) FROM logs", "SELECT logs", "SELECT", "logs"},
		{pg, "SELECT * FROM (SELECT x FROM inner_t) s", "SELECT * FROM (SELECT x FROM inner_t) s", "SELECT SELECT inner_t", "", "inner_t"},
		{pg, "WITH r AS (SELECT id FROM a), q AS (DELETE FROM b RETURNING id) INSERT INTO c SELECT * FROM r, q", "WITH r AS (SELECT id FROM a), q AS (DELETE FROM b RETURNING id) INSERT INTO c SELECT * FROM r, q", "SELECT a DELETE b INSERT c SELECT", "", ""},
		{pg, "INSERT INTO t(a) VALUES(1) ON CONFLICT (a) DO UPDATE SET a = 2", "INSERT INTO t(a) VALUES(?) ON CONFLICT (a) DO UPDATE SET a = ?", "INSERT t", "INSERT", "t"},
		{pg, "SELECT * FROM t FOR UPDATE", "SELECT * FROM t FOR UPDATE", "SELECT t", "SELECT", "t"},
		{pg, "UPDATE \"My Table\" SET a = E'x\\'y' WHERE b = $tag$it's$tag$", "UPDATE \"My Table\" SET a = E? WHERE b = ?", "UPDATE My Table", "UPDATE", "My Table"},
		{pg, "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)", "CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)", "CREATE INDEX i", "CREATE INDEX", "i"},
		{pg, "CREATE TABLE copy_of AS SELECT * FROM orig", "CREATE TABLE copy_of AS SELECT * FROM orig", "CREATE TABLE copy_of SELECT orig", "", ""},
		{pg, "BEGIN; UPDATE a SET x=x+1; COMMIT", "BEGIN; UPDATE a SET x=x?; COMMIT", "BEGIN UPDATE a COMMIT", "", "a"},
		{pg, "ALTER USER joe PASSWORD 'hunter2'", "ALTER USER joe PASSWORD ?", "ALTER USER joe", "ALTER USER", "joe"},
		{pg, "hunter2 is my password", "hunter2 is my password", "", "", ""},
		{pg, "-- hidden 'secret'\nSELECT /* more */ a FROM t", "SELECT a FROM t", "SELECT t", "SELECT", "t"},
		{my, "SELECT \"secret\", `a b` FROM `db`.`t` WHERE x = 0xAB AND y = ?", "SELECT ?, `a b` FROM `db`.`t` WHERE x = ? AND y = ?", "SELECT db.t", "SELECT", "db.t"},
		{my, "CALL refresh_all(1, 'x')", "CALL refresh_all(?)", "CALL refresh_all", "CALL", ""},
		{my, "INSERT IGNORE t VALUES ('it''s')", "INSERT IGNORE t VALUES (?)", "INSERT t", "INSERT", "t"},
		{my, "SELECT 'x\\' AND b='secret'", "", "SELECT", "SELECT", ""},
		{my, "SHOW TABLES FROM shop", "SHOW TABLES FROM shop", "SHOW", "SHOW", ""},
	} {
		q := analyse(c.in, false, c.dialect)
		assert.Equal(t, c.text, q.text, c.in)
		assert.Equal(t, c.summary, q.summary, c.in)
		assert.Equal(t, c.operation, q.operation, c.in)
		assert.Equal(t, c.tableOne, q.collection, c.in)
	}
}
