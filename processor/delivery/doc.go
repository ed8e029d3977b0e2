// Package delivery decides what becomes of telling one receiver of one end: due → attempt → taken, again later, refused, or
// given up. It is a pure function, as the core is: no clock, no input or output.
package delivery
