package embedded

// PIDs are the process ids of the engines.
func (e *Engines) PIDs() []int {
	var pids []int
	for _, p := range e.processes {
		pids = append(pids, p.cmd.Process.Pid)
	}
	return pids
}
