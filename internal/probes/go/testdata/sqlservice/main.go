// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command sqlservice answers HTTP at PORT with two queries through database/sql, each in a
// goroutine: sqlservice PORT DSN. The queries name what was asked for.
package main

import (
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"
)

func main() {
	db, err := sql.Open("pgx", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(6)
	db.SetMaxIdleConns(6)
	http.HandleFunc("/{name}", func(w http.ResponseWriter, r *http.Request) {
		done := make(chan error)
		for i := range 2 {
			go func() {
				var n int
				done <- db.QueryRowContext(r.Context(), fmt.Sprintf("SELECT %d AS %s", i, r.PathValue("name"))).Scan(&n)
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		fmt.Fprintln(w, "done")
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
