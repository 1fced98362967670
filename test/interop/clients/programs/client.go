// Go's net/http: METHOD URL [--header 'Name: value']... [--file FILE] [--chunked] [--times N]
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
)

func main() {
	method, url, rest := os.Args[1], os.Args[2], os.Args[3:]
	header, file, chunked, times := http.Header{}, "", false, 1
	for ; len(rest) > 0; rest = rest[1:] {
		option := rest[0]
		if option == "--chunked" {
			chunked = true
			continue
		}
		rest = rest[1:]
		switch option {
		case "--header":
			name, value, _ := strings.Cut(rest[0], ": ")
			header.Set(name, value)
		case "--file":
			file = rest[0]
		case "--times":
			times, _ = strconv.Atoi(rest[0])
		}
	}
	for ; times > 0; times-- {
		ask(method, url, header, file, chunked)
	}
}

func ask(method, url string, header http.Header, file string, chunked bool) {
	var body io.Reader
	length := int64(0)
	if file != "" {
		opened, err := os.Open(file)
		check(err)
		info, err := opened.Stat()
		check(err)
		body, length = opened, info.Size()
		if chunked {
			length = -1
		}
	}
	request, err := http.NewRequest(method, url, body)
	check(err)
	request.Header = header.Clone()
	request.ContentLength = length
	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	fmt.Printf("%s %d\r\ncontent-type: %s\r\n\r\n", response.Proto, response.StatusCode, response.Header.Get("Content-Type"))
	_, err = io.Copy(os.Stdout, response.Body)
	check(err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
