// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"fmt"
	"testing"

	"github.com/DataDog/go-sqllexer"
	"github.com/stretchr/testify/assert"
)

func TestShape(t *testing.T) {
	for in, want := range map[string]string{
		"SELECT abalance FROM t WHERE aid = 4711;":   "SELECT abalance FROM t WHERE aid = 1;",
		"SELECT a FROM t WHERE b=27":                 "SELECT a FROM t WHERE b=1",
		"SELECT a FROM t LIMIT 10 OFFSET 0":          "SELECT a FROM t LIMIT 1 OFFSET 1",
		"INSERT INTO t VALUES (12, 'x', 3),(4,'',5)": "INSERT INTO t VALUES (1, 'x', 1),(1,'',1)",
		"SELECT a1, 2b FROM t2 WHERE c>$1":           "SELECT a1, 2b FROM t2 WHERE c>$1",
		"SELECT 1.5, 1e5, -12, 0x1F, 007, 9_000":     "SELECT 1.5, 1e5, -12, 0x1F, 007, 9_000",
		`SELECT "a 12 b" FROM t WHERE c = 12`:        `SELECT "a 12 b" FROM t WHERE c = 12`,
		"SELECT `a 12 b` FROM t WHERE c = 12":        "SELECT `a 12 b` FROM t WHERE c = 12",
		"SELECT a[12] FROM t WHERE c = 12":           "SELECT a[12] FROM t WHERE c = 12",
		"":                                           "",
		"12":                                         "12",
	} {
		assert.Equal(t, want, string(shape(nil, []byte(in), false)), in)
	}
	assert.Equal(t, "SELECT 12", string(shape(nil, []byte("SELECT 12"), true)), "it may go on")
}

func TestCacheLexesAShapeOnce(t *testing.T) {
	c := newCache(sqllexer.DBMSPostgres)
	for i := range 100 {
		q := c.get(fmt.Appendf(nil, "SELECT a FROM t WHERE b = %d AND c IN (%d, 7)", i, i*i), false)
		assert.Equal(t, "SELECT a FROM t WHERE b = ? AND c IN (?)", q.text)
	}
	assert.EqualValues(t, 1, c.lexed)
	for _, b := range c.shape[:cap(c.shape)] {
		assert.Zero(t, b, "no text is kept")
	}
}

// Texts of one shape say the same.
func FuzzShape(f *testing.F) {
	for _, seed := range []string{
		"SELECT abalance FROM pgbench_accounts WHERE aid = 4711;", "UPDATE t SET a=a + 12, b = 'it''s 5 o''clock' WHERE c IN (1,2, 3)",
		"SELECT 1 -- 2 \n, 3", "/* 1 */ SELECT 5", "SELECT $tag$ 12 $tag$ FROM t", "SELECT E'a\\' 12 ', 3", "CREATE TABLE a 12 (b int)", "SELECT 'open 12 ",
		"WITH a (b) AS (SELECT 1) SELECT 2 FROM a", "# 12 \nSELECT 12", "CALL p ( 1, 2)", "SELECT a FROM 12 JOIN 13", "EXPLAIN 1 SELECT 12 FROM t", "SELECT ? , 12",
	} {
		for _, cut := range []bool{false, true} {
			f.Add(seed, cut)
		}
	}
	f.Fuzz(func(t *testing.T, text string, cut bool) {
		one := string(shape(nil, []byte(text), cut))
		assert.Equal(t, one, string(shape(nil, []byte(one), cut)), "its own shape")
		for _, dialect := range []sqllexer.DBMSType{sqllexer.DBMSPostgres, sqllexer.DBMSMySQL} {
			assert.Equal(t, analyse(one, cut, dialect), analyse(text, cut, dialect), "%q and %q", text, one)
		}
	})
}
