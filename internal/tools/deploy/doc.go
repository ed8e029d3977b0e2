// Package deploy holds no code, only tests: what is in the folder deploy is read by those who will read it (Helm, the types of
// Kubernetes, Compose, BuildKit), and compared with itself and with the settings of the program. It is a module of its own: what
// they depend on is no concern of Parley's.
package deploy
