package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// work is what to do: `count` operations on objects named PREFIX-0, PREFIX-1, ...
type work struct {
	op, namespace, prefix string
	count, sizeBytes      int
}

func (w work) name(i int) string { return fmt.Sprintf("%s-%d", w.prefix, i) }

// data fills an object so that no two are alike.
func (w work) data(i int) string {
	head := fmt.Sprintf("%d-%d-", i, time.Now().UnixNano())
	return head + strings.Repeat("x", max(0, w.sizeBytes-len(head)))
}

// runPool calls do(worker, i) for each i in 0..count-1 from `workers` goroutines and times each call.
func runPool(workers, count int, do func(worker, i int) error) result {
	var next, failed atomic.Int64
	var firstError atomic.Pointer[string]
	latencies := make([][]time.Duration, workers)
	var group sync.WaitGroup
	start := time.Now()
	for worker := range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					return
				}
				begin := time.Now()
				if err := do(worker, i); err != nil {
					failed.Add(1)
					text := err.Error()
					firstError.CompareAndSwap(nil, &text)
				}
				latencies[worker] = append(latencies[worker], time.Since(begin))
			}
		})
	}
	group.Wait()
	elapsed := time.Since(start)
	text := ""
	if found := firstError.Load(); found != nil {
		text = *found
	}
	return summarize(count, int(failed.Load()), elapsed, slices.Concat(latencies...), text)
}

func percentile(latencies []time.Duration, percent int) float64 {
	if len(latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(latencies))
	return float64(sorted[min(len(sorted)-1, len(sorted)*percent/100)].Microseconds()) / 1000
}
