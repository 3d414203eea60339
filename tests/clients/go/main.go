// Makes the calls that the test names on standard input, one JSON object a line, and tells how each was refused, as grpc-go
// reads it.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// bytesCodec sends and receives messages as the bytes that they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) ([]byte, error)      { return *message.(*[]byte), nil }
func (bytesCodec) Unmarshal(data []byte, message any) error { *message.(*[]byte) = data; return nil }
func (bytesCodec) Name() string                             { return "proto" }

type call struct {
	Method    string `json:"method"`
	Message   []byte `json:"message"`
	Request   string `json:"request"`
	TimeoutMs int64  `json:"timeout_ms"`
}

func refusal(connection *grpc.ClientConn, call call) map[string]any {
	if call.TimeoutMs == 0 {
		call.TimeoutMs = 10_000
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(call.TimeoutMs)*time.Millisecond)
	defer cancel()
	if call.Request != "" {
		envelope, err := base64.StdEncoding.DecodeString(call.Request)
		if err != nil {
			log.Fatal(err)
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "apiary-request-bin", string(envelope))
	}
	var answer []byte
	found, _ := status.FromError(connection.Invoke(ctx, call.Method, &call.Message, &answer, grpc.ForceCodec(bytesCodec{})))
	told := map[string]any{"code": found.Code().String(), "message": found.Message()}
	for _, detail := range found.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			told["reason"], told["domain"], told["retryable"] = detail.Reason, detail.Domain, detail.Metadata["retryable"]
		case *errdetails.RetryInfo:
			told["retry_ms"] = detail.RetryDelay.AsDuration().Milliseconds()
		case *errdetails.BadRequest:
			told["field"] = detail.FieldViolations[0].Field
		default:
			told["unreadable"] = detail
		}
	}
	return told
}

func main() {
	connection, err := grpc.Dial(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
	if err != nil {
		log.Fatal(err)
	}
	lines, answers := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var next call
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(refusal(connection, next)); err != nil {
			log.Fatal(err)
		}
	}
}
