//go:build tools

// Package tools names the program that go.mod and go.sum pin besides our own.
package tools

import (
	_ "github.com/dapr/dapr/cmd/placement"
)
