package cli

// routesCmd is about where calls go.
type routesCmd struct {
	List        routesListCmd        `cmd:"" default:"withargs" help:"Show the routes in force, and which are in maintenance. The default."`
	Maintenance routesMaintenanceCmd `cmd:"" help:"Put a route into maintenance: its calls wait."`
	Resume      routesResumeCmd      `cmd:"" help:"End the maintenance of a route."`
	Check       routesCheckCmd       `cmd:"" help:"Say whether a file of routes is right."`
}

// Help is shown by --help.
func (*routesCmd) Help() string {
	return `  parley routes
  parley routes maintenance crm --reason "moves to another rack" --until 2h
  parley routes resume crm
  parley routes check routes.yaml

serve reads the file of PARLEY_ROUTES again when it changes, and on SIGHUP. A file that is not right leaves the routes of before in force; the log says what is wrong.`
}
