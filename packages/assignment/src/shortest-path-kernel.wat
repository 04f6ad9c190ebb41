(module
  (memory (export "memory") 1)
  ;; One step of Dijkstra over the columns of a dense matrix, from a row whose costs are at $cost:
  ;;   distance = min(distance, cost - price - shift), with $row as predecessor where that is less;
  ;; returns the column of the least distance, of several a free one, whose $rowOf is -1, then the lowest.
  ;; $count columns, a multiple of 4: f64 at $cost, $price, $distance, and i32 at $predecessor, $rowOf.
  ;; A column that is done, or padding, has price -Infinity and distance Infinity.
  (func (export "relax")
    (param $cost i32) (param $price i32) (param $distance i32) (param $predecessor i32) (param $rowOf i32)
    (param $count i32) (param $shift f64) (param $row i32) (result i32)
    (local $at i32) (local $end i32) (local $bits i32) (local $column i32) (local $nearest i32) (local $address i32)
    (local $shifts v128) (local $rows v128)
    (local $via0 v128) (local $via1 v128) (local $reached0 v128) (local $reached1 v128)
    (local $less0 v128) (local $less1 v128) (local $least0 v128) (local $least1 v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 3)))
    (local.set $shifts (f64x2.splat (local.get $shift)))
    (local.set $rows (i32x4.splat (local.get $row)))
    (local.set $least0 (f64x2.splat (f64.const inf)))
    (local.set $least1 (local.get $least0))
    (loop $next
      (local.set $address (i32.add (local.get $distance) (local.get $at)))
      (local.set $reached0 (v128.load (local.get $address)))
      (local.set $reached1 (v128.load offset=16 (local.get $address)))
      (local.set $via0
        (f64x2.sub
          (f64x2.sub
            (v128.load (i32.add (local.get $cost) (local.get $at)))
            (v128.load (i32.add (local.get $price) (local.get $at))))
          (local.get $shifts)))
      (local.set $via1
        (f64x2.sub
          (f64x2.sub
            (v128.load offset=16 (i32.add (local.get $cost) (local.get $at)))
            (v128.load offset=16 (i32.add (local.get $price) (local.get $at))))
          (local.get $shifts)))
      (local.set $less0 (f64x2.lt (local.get $via0) (local.get $reached0)))
      (local.set $less1 (f64x2.lt (local.get $via1) (local.get $reached1)))
      (if (v128.any_true (v128.or (local.get $less0) (local.get $less1)))
        (then
          (local.set $reached0 (f64x2.pmin (local.get $reached0) (local.get $via0)))
          (local.set $reached1 (f64x2.pmin (local.get $reached1) (local.get $via1)))
          (v128.store (local.get $address) (local.get $reached0))
          (v128.store offset=16 (local.get $address) (local.get $reached1))
          (local.set $address (i32.add (local.get $predecessor) (i32.shr_u (local.get $at) (i32.const 1))))
          (v128.store (local.get $address)
            (v128.bitselect
              (local.get $rows)
              (v128.load (local.get $address))
              (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $less0) (local.get $less1))))))
      (local.set $least0 (f64x2.pmin (local.get $least0) (local.get $reached0)))
      (local.set $least1 (f64x2.pmin (local.get $least1) (local.get $reached1)))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 32))) (local.get $end))))
    (local.set $least0 (f64x2.pmin (local.get $least0) (local.get $least1)))
    (local.set $least0
      (f64x2.splat
        (f64.min (f64x2.extract_lane 0 (local.get $least0)) (f64x2.extract_lane 1 (local.get $least0)))))
    (local.set $nearest (i32.const -1))
    (local.set $at (i32.const 0))
    (loop $next
      (local.set $address (i32.add (local.get $distance) (local.get $at)))
      (local.set $less0 (f64x2.eq (v128.load (local.get $address)) (local.get $least0)))
      (local.set $less1 (f64x2.eq (v128.load offset=16 (local.get $address)) (local.get $least0)))
      (if (v128.any_true (v128.or (local.get $less0) (local.get $less1)))
        (then
          (local.set $bits
            (i32.or
              (i64x2.bitmask (local.get $less0))
              (i32.shl (i64x2.bitmask (local.get $less1)) (i32.const 2))))
          (loop $each
            (local.set $column
              (i32.add (i32.shr_u (local.get $at) (i32.const 3)) (i32.ctz (local.get $bits))))
            (if (i32.eq (i32.load (i32.add (local.get $rowOf) (i32.shl (local.get $column) (i32.const 2)))) (i32.const -1))
              (then (return (local.get $column))))
            (if (i32.eq (local.get $nearest) (i32.const -1))
              (then (local.set $nearest (local.get $column))))
            (br_if $each
              (local.tee $bits (i32.and (local.get $bits) (i32.sub (local.get $bits) (i32.const 1))))))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 32))) (local.get $end))))
    (local.get $nearest)))
