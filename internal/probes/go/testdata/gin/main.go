// Copyright The ebpfreceiver Authors
// SPDX-License-Identifier: Apache-2.0

// Command gin serves routes of gin on a port of loopback: "gin PORT". For each request it prints what gin
// says of it: "METHOD ROUTE STATUS".
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(func(c *gin.Context) {
		c.Next()
		fmt.Printf("%s %s %d\n", c.Request.Method, c.FullPath(), c.Writer.Status())
	})
	ok := func(c *gin.Context) { c.String(http.StatusOK, c.Request.URL.Path) }
	r.GET("/uuid", ok)
	r.GET("/", ok)
	r.GET("/users/:id", ok)
	r.POST("/users", ok)
	r.GET("/files/*path", ok)
	r.GET("/stream/:n", func(c *gin.Context) {
		for range 3 {
			_, _ = c.Writer.WriteString("some\n")
			c.Writer.Flush()
		}
	})
	items := r.Group("/api/v1/items", func(c *gin.Context) { c.Next() })
	items.GET("/:item", ok)
	items.PUT("/:item/parts/:part", func(c *gin.Context) { c.AbortWithStatus(http.StatusTeapot) })
	log.Fatal(r.Run("127.0.0.1:" + os.Args[1]))
}
