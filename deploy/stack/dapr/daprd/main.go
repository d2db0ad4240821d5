// Command daprd is Dapr's sidecar. A build with its stable components alone can't resolve names through a SQLite file,
// which is how sidecars of one machine find each other without multicast; this one can.
package main

import (
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/nameresolution"
)

func main() {
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	app.Run()
}
