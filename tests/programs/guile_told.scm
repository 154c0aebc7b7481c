;; SPDX-License-Identifier: Apache-2.0
;; Short-lived lists, and a table that keeps one of fifty. Ends with what Guile itself knows of its collections:
;; times, nanoseconds, heap size; before that with the answer of memrec_collect, where there is one.
(use-modules (system foreign))
(define cache (make-hash-table))
(define (request i)
  (map (lambda (k) (string-append "key-" (number->string (+ i k)))) (iota 20)))
(do ((i 0 (+ i 1))) ((= i 20000))
  (let ((r (request i)))
    (if (zero? (modulo i 50)) (hash-set! cache i r))))
(display (hash-count (const #t) cache))
(newline)
(gc)
(gc)
(define collect (false-if-exception (dynamic-func "memrec_collect" (dynamic-link))))
(if (and collect (getenv "ASK"))
    (begin (display ((pointer->procedure int collect '()))) (newline)))
(define facts (gc-stats))
(if (getenv "ASK")
    (begin
      (display (list (assq-ref facts 'gc-times)
                     (assq-ref facts 'gc-time-taken)
                     (assq-ref facts 'heap-size)))
      (newline)))
