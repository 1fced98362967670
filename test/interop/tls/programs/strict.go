// Go's crypto/tls with its default roots: HOST PORT. Connects twice.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	config := &tls.Config{ServerName: os.Args[1], ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for range 2 {
		connection, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[2], config)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, connection); err != nil {
			log.Fatal(err)
		}
		state := connection.ConnectionState()
		word := map[bool]string{true: "resumed", false: "accepted"}[state.DidResume]
		fmt.Println(tls.VersionName(state.Version), word)
		connection.Close()
	}
}
