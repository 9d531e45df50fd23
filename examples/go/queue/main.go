// Sends one code over the queue, with a plain Redis client:
//
//	SMSRELAY_BROKER_URL=redis://… go run main.go NUMBER CODE REFERENCE
//
// Prints the message's id. Nobody answers on the queue: a wrong job is kept for an operator (`smsrelay dead list`).
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/uuid"
)

// Job is a SendJob. With omitempty, what is not set is not sent: "" and 0 would be refused.
type Job struct {
	To        string            `json:"to"`
	Template  string            `json:"template"`
	Params    []string          `json:"params"` // a nil slice is sent as null, which means none
	Lane      string            `json:"lane"`
	App       string            `json:"app"`
	Reference string            `json:"reference"`
	ExpiresIn int               `json:"expires_in,omitempty"`
	NotBefore *time.Time        `json:"not_before,omitempty"` // a pointer: omitempty does not leave out a zero time.Time
	Tags      map[string]string `json:"tags,omitempty"`
}

// namespace of message ids.
var namespace = uuid.MustParse("6f1d2c52-0d5e-5c0b-9d5b-5a7c1e0f3f9a")

// ID is the message's id, which follows from app and reference.
func (job Job) ID() string {
	return uuid.NewSHA1(namespace, []byte(fmt.Sprintf("%d:%s%s", len(job.App), job.App, job.Reference))).String()
}

// task is the job as the Celery task sms.send, protocol 2.
func task(job Job, queue string) ([]byte, error) {
	body, err := json.Marshal([]any{[]any{job}, nil, nil}) // positional arguments, keyword arguments, what to call afterwards
	if err != nil {
		return nil, err
	}
	taskID := uuid.NewString()
	return json.Marshal(map[string]any{
		"body":             body, // a []byte becomes base64
		"content-type":     "application/json",
		"content-encoding": "utf-8",
		"headers":          map[string]string{"lang": "go", "task": "sms.send", "id": taskID},
		"properties": map[string]any{
			"body_encoding":  "base64",
			"correlation_id": taskID,
			"delivery_tag":   uuid.NewString(),
			"delivery_mode":  2,
			"delivery_info":  map[string]string{"exchange": "", "routing_key": queue},
		},
	})
}

func send(job Job) error {
	queue := "sms." + job.Lane
	item, err := task(job, queue)
	if err != nil {
		return err
	}
	timeout := 5 * time.Second
	conn, err := redis.DialURL(os.Getenv("SMSRELAY_BROKER_URL"),
		redis.DialConnectTimeout(timeout), redis.DialReadTimeout(timeout), redis.DialWriteTimeout(timeout))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Do("LPUSH", queue, item)
	return err
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: go run main.go NUMBER CODE REFERENCE")
	}
	job := Job{
		To:        os.Args[1],
		Template:  "0000000",
		Params:    []string{os.Args[2]},
		Lane:      "otp",
		App:       "shop",
		Reference: os.Args[3],
		ExpiresIn: 300,
	}
	if err := send(job); err != nil {
		log.Fatalf("not sent: %v", err) // running it again is safe: the same reference is the same message
	}
	fmt.Println(job.ID())
}
