package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Type is the type of a metric.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Family describes a metric: its name, by the conventions of Prometheus, what it measures, and its labels.
type Family struct {
	Name, Help string
	Type       Type
	Labels     []string
}

func (f Family) desc() *prometheus.Desc { return prometheus.NewDesc(f.Name, f.Help, f.Labels, nil) }

func (f Family) value() prometheus.ValueType {
	if f.Type == Counter {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}

// metric is a family whose values are read from a T at each scrape.
type metric[T any] struct {
	Family
	read func(T, func(v float64, labels ...string))

	described *prometheus.Desc
}

// collect sends the values that read gives.
func (m *metric[T]) collect(from T, ch chan<- prometheus.Metric) {
	m.read(from, func(v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.described, m.value(), v, labels...)
	})
}

// table makes the descriptions of metrics.
func table[T any](all ...metric[T]) []metric[T] {
	for i := range all {
		all[i].described = all[i].desc()
	}
	return all
}

func counter[T any](name, help string, read func(T, func(float64, ...string)), labels ...string) metric[T] {
	return metric[T]{Family: Family{"vigil_" + name, help, Counter, labels}, read: read}
}

func gauge[T any](name, help string, read func(T, func(float64, ...string)), labels ...string) metric[T] {
	return metric[T]{Family: Family{"vigil_" + name, help, Gauge, labels}, read: read}
}

// Families returns every metric of vigil, in the order of the documentation; those of the Go runtime and of the process
// are the client library's.
func Families() (all []Family) {
	for _, m := range cameraMetrics {
		all = append(all, m.Family)
	}
	all = append(all, clipFamilies...)
	for _, m := range alertMetrics {
		all = append(all, m.Family)
	}
	all = append(all, alertFamilies...)
	all = append(all, lostMessages)
	for _, m := range programMetrics {
		all = append(all, m.Family)
	}
	return append(all, logMessages)
}

// Markdown returns the table of docs/metrics.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | what |\n|---|---|---|---|\n")
	for _, f := range Families() {
		labels := make([]string, len(f.Labels))
		for i, l := range f.Labels {
			labels[i] = "`" + l + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, strings.Join(labels, ", "), f.Help)
	}
	return b.String()
}
