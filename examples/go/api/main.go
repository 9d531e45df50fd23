// Sends one code over the HTTP API, and asks what became of it:
//
//	SMSRELAY_API_URL=http://… SMSRELAY_API_KEY=… go run main.go NUMBER CODE REFERENCE
//
// Prints the message's id and its state. Running it again is safe: the same reference is the same message.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// Job is a SendJob. With omitempty, what is not set is not sent: "" and 0 would be refused.
type Job struct {
	To        string            `json:"to"`
	Template  string            `json:"template"`
	Params    []string          `json:"params"` // a nil slice is sent as null, which means none
	Lane      string            `json:"lane"`
	Reference string            `json:"reference"`
	ExpiresIn int               `json:"expires_in,omitempty"`
	NotBefore *time.Time        `json:"not_before,omitempty"` // a pointer: omitempty does not leave out a zero time.Time
	Tags      map[string]string `json:"tags,omitempty"`
}

// Message is what the API says of a message; its other fields are left out here.
type Message struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// Problem is why the API refused a request.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Errors []struct {
		Field   string `json:"field"`
		Allowed string `json:"allowed"`
	} `json:"errors"`
}

func (problem Problem) Error() string {
	lines := []string{fmt.Sprintf("%d %s", problem.Status, problem.Title)}
	for _, wrong := range problem.Errors {
		lines = append(lines, wrong.Field+": "+wrong.Allowed)
	}
	return strings.Join(lines, "\n")
}

var client = http.Client{Timeout: 10 * time.Second}

func call(method, path string, body []byte) (message Message, err error) {
	request, err := http.NewRequest(method, os.Getenv("SMSRELAY_API_URL")+path, bytes.NewReader(body))
	if err != nil {
		return message, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("SMSRELAY_API_KEY"))
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return message, err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		problem := Problem{Status: response.StatusCode, Title: "the answer is not the API's"}
		json.NewDecoder(response.Body).Decode(&problem)
		return message, problem
	}
	return message, json.NewDecoder(response.Body).Decode(&message)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: go run main.go NUMBER CODE REFERENCE")
	}
	body, err := json.Marshal(Job{
		To:        os.Args[1],
		Template:  "0000000",
		Params:    []string{os.Args[2]},
		Lane:      "otp",
		Reference: os.Args[3],
		ExpiresIn: 300,
	})
	if err != nil {
		log.Fatal(err)
	}
	sent, err := call("POST", "/v1/messages", body)
	if err != nil {
		log.Fatal(err)
	}
	message, err := call("GET", "/v1/messages/"+sent.ID, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.ID, message.State)
}
