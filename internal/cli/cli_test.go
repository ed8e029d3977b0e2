package cli_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"parley/internal/cli"
	"parley/internal/cli/tour"
	"parley/internal/embedded/chdb"
	"parley/internal/testkit"
)

// The test binary is the program when it is called parley: scripts, and serve for its engines, run it as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"parley": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

// TestScripts runs the program as people do; testdata holds what they type and what they must see. Each script has a
// folder and addresses of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setUp(t, env) },
		Cmds:                commands,
		Condition:           condition,
	})
}

// commands are what scripts can say beside what testscript knows.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"callback": sendCallback,
	"calls":    makeCalls,
	"certify":  certify,
	"expand":   expand,
	"gone":     awaitGone,
	"hangup":   hangUp,
	"keyfrom":  keyFrom,
	"metric":   awaitMetric,
	"occupy":   occupy,
	"produce":  produce,
	"ready":    awaitReady,
	"secretid": secretID,
	"soap":     askPartner,
	"stranger": beStranger,
	"until":    until,
}

// setUp gives a script the settings that let many run at once.
func setUp(t *testing.T, env *testscript.Env) error {
	env.Setenv("PARLEY_PRODUCE_TIMEOUT", "10s") // a busy machine is no silent broker
	library, err := chdb.Find(os.Getenv("PARLEY_CHDB_LIB"))
	if err != nil {
		return err
	}
	addrs, err := tour.Addrs(6)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"PARLEY_CHDB_LIB":                      library,
		"PARLEY_HTTP_ADDR":                     addrs[0],
		"PARLEY_EMBEDDED_KAFKA_ADDR":           addrs[1],
		"KAFKA":                                addrs[1], // wherever it is
		"PREFIX":                               "parley", // of topics
		"REPLICAS":                             "1",      // of topics
		"PARLEY_EMBEDDED_CLICKHOUSE_ADDR":      addrs[2],
		"PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR": addrs[3],
		"PARLEY_BACKEND_ADDR":                  addrs[4],
		"SECOND_ADDR":                          addrs[5], // of another node
		"PARLEY_URL":                           "http://" + addrs[0],
		"PARLEY_DATA_DIR":                      env.WorkDir + "/data",
		"PARLEY_LOG_FORMAT":                    "text",
	} {
		env.Setenv(name, value)
	}
	if brokers := testkit.GivenBrokers(); len(brokers) > 0 {
		return onCluster(t, env, brokers)
	}
	return nil
}
