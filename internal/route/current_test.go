package route_test

import (
	"sync"
	"testing"

	"parley/internal/route"
)

func TestCurrentIsReplacedWhileItIsAsked(t *testing.T) {
	t.Parallel()
	first, second := parse(t, table), route.Default("http://127.0.0.1:9090/calls")
	c := route.NewCurrent(first)
	asked := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var once sync.Once
		for {
			r, p := c.ForCall(call("Create", "Row"))
			once.Do(func() { close(asked) })
			if p != nil {
				t.Errorf("no route: %s", p)
				return
			}
			if r.Name == "default" {
				return
			}
		}
	})
	<-asked
	c.Replace(second)
	wg.Wait()
	if c.Table() != second {
		t.Error("the second table is not in force")
	}
	if _, ok := c.Named("rows"); ok {
		t.Error("a route of the first table is still named")
	}
	if r, ok := c.Named("default"); !ok || r.Executor.URL != "http://127.0.0.1:9090/calls" {
		t.Errorf("Named(default) = %+v, %t", r, ok)
	}
}
