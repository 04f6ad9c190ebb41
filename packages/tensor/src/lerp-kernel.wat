(module
  (memory (export "memory") 3)
  ;; z = lambda x + complement y, over x: in f64, rounded once to f32.
  ;; x is at byte 0, y at byte 65536; of count elements, at most 16384; up to 3 behind them are written too.
  (func (export "lerp") (param $count i32) (param $lambda f64) (param $complement f64)
    (local $at i32) (local $end i32) (local $x v128) (local $y v128) (local $l v128) (local $c v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 2)))
    (local.set $l (f64x2.splat (local.get $lambda)))
    (local.set $c (f64x2.splat (local.get $complement)))
    (loop $next
      (local.set $x (v128.load (local.get $at)))
      (local.set $y (v128.load offset=65536 (local.get $at)))
      (v128.store
        (local.get $at)
        (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
          (f32x4.demote_f64x2_zero
            (f64x2.add
              (f64x2.mul (local.get $l) (f64x2.promote_low_f32x4 (local.get $x)))
              (f64x2.mul (local.get $c) (f64x2.promote_low_f32x4 (local.get $y)))))
          (f32x4.demote_f64x2_zero
            (f64x2.add
              (f64x2.mul (local.get $l) (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $x) (local.get $x))))
              (f64x2.mul (local.get $c) (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 (local.get $y) (local.get $y))))))))
      (br_if $next
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))))
