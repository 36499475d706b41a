// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command echo serves routes of Echo on a port of loopback: "echo PORT". For each request it prints what
// Echo says of it: "METHOD ROUTE STATUS".
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
)

func main() {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			if err != nil {
				c.Error(err)
			}
			route := c.Path()
			if errors.Is(err, echo.ErrMethodNotAllowed) || errors.Is(err, echo.ErrNotFound) && route == c.Request().URL.Path {
				route = "" // no route was chosen: Path tells one for another method, or, as Echo once did, the path
			}
			fmt.Printf("%s %s %d\n", c.Request().Method, route, c.Response().Status)
			return nil
		}
	})
	ok := func(c echo.Context) error { return c.String(http.StatusOK, c.Request().URL.Path) }
	e.GET("/uuid", ok)
	e.GET("/", ok)
	e.GET("/users/:id", ok)
	e.POST("/users", ok)
	e.GET("/files/*", ok)
	e.GET("/stream/:n", func(c echo.Context) error {
		for range 3 {
			_, _ = c.Response().Write([]byte("some\n"))
			c.Response().Flush()
		}
		return nil
	})
	items := e.Group("/api/v1/items", func(next echo.HandlerFunc) echo.HandlerFunc { return next })
	items.GET("/:item", ok)
	items.PUT("/:item/parts/:part", func(c echo.Context) error { return c.NoContent(http.StatusTeapot) })
	log.Fatal(e.Start("127.0.0.1:" + os.Args[1]))
}
