// Package e2e has tests of the whole of Parley on clusters of real Kafka (package kafka below it): processes of the program
// that users run, and brokers that are killed, restarted and frozen under them. They have the build tag e2e, because they need
// Java and take minutes: make e2e runs all of them, make e2e-smoke those that are named TestSmoke.
package e2e
