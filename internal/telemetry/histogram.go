package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Seconds are the options of a histogram of times, from a millisecond to a minute. A server that asks for native
// histograms has them with an error of 5 % at any scale instead.
func Seconds(name, help string) prometheus.HistogramOpts {
	return histogram(name, help, []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60})
}

// LongSeconds are those of times that last from a moment to days.
func LongSeconds(name, help string) prometheus.HistogramOpts {
	return histogram(name, help, []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600})
}

// Counts are those of a histogram of how many there are of something, from one to some ten thousands.
func Counts(name, help string) prometheus.HistogramOpts {
	return histogram(name, help, prometheus.ExponentialBuckets(1, 4, 9))
}

func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name:                            name,
		Help:                            help,
		Buckets:                         buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  100,
		NativeHistogramMinResetDuration: time.Hour,
	}
}
