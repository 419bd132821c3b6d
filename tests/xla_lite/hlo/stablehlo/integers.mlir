module @jit_integers attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<8xi32>, %arg1: tensor<8xi32>, %arg2: tensor<8xui32>) -> (tensor<8xi32> {jax.result_info = "result[0][0]"}, tensor<8xi32> {jax.result_info = "result[0][1]"}, tensor<8xi32> {jax.result_info = "result[0][2]"}, tensor<8xi32> {jax.result_info = "result[0][3]"}, tensor<8xi32> {jax.result_info = "result[0][4]"}, tensor<8xi32> {jax.result_info = "result[0][5]"}, tensor<8xi32> {jax.result_info = "result[0][6]"}, tensor<8xi32> {jax.result_info = "result[0][7]"}, tensor<8xi32> {jax.result_info = "result[1][0]"}, tensor<8xi32> {jax.result_info = "result[1][1]"}, tensor<8xi32> {jax.result_info = "result[1][2]"}, tensor<8xi32> {jax.result_info = "result[1][3]"}, tensor<8xi32> {jax.result_info = "result[1][4]"}, tensor<8xi32> {jax.result_info = "result[1][5]"}, tensor<8xi32> {jax.result_info = "result[1][6]"}, tensor<8xui32> {jax.result_info = "result[1][7]"}, tensor<8xui32> {jax.result_info = "result[1][8]"}, tensor<8xui32> {jax.result_info = "result[2][0]"}, tensor<8xui32> {jax.result_info = "result[2][1]"}, tensor<8xi8> {jax.result_info = "result[2][2]"}, tensor<8xui32> {jax.result_info = "result[2][3]"}, tensor<8xi32> {jax.result_info = "result[3]"}, tensor<8xi32> {jax.result_info = "result[4]"}, tensor<8xi1> {jax.result_info = "result[5]"}, tensor<8xi1> {jax.result_info = "result[6]"}) {
    %c = stablehlo.constant dense<0> : tensor<i32>
    %0 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %1 = stablehlo.compare EQ, %arg1, %0, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %c_0 = stablehlo.constant dense<1> : tensor<i32>
    %2 = call @_where(%1, %c_0, %arg1) : (tensor<8xi1>, tensor<i32>, tensor<8xi32>) -> tensor<8xi32>
    %3 = stablehlo.multiply %arg0, %arg1 : tensor<8xi32>
    %4 = stablehlo.divide %arg0, %2 : tensor<8xi32>
    %5 = stablehlo.remainder %arg0, %2 : tensor<8xi32>
    %6 = call @floor_divide(%arg0, %2) : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
    %7 = call @remainder(%arg0, %2) : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
    %8 = stablehlo.multiply %arg0, %arg0 : tensor<8xi32>
    %9 = stablehlo.multiply %8, %arg0 : tensor<8xi32>
    %10 = stablehlo.abs %arg0 : tensor<8xi32>
    %11 = stablehlo.sign %arg0 : tensor<8xi32>
    %12 = stablehlo.and %arg0, %arg1 : tensor<8xi32>
    %13 = stablehlo.or %arg0, %arg1 : tensor<8xi32>
    %14 = stablehlo.xor %arg0, %arg1 : tensor<8xi32>
    %15 = stablehlo.not %arg0 : tensor<8xi32>
    %c_1 = stablehlo.constant dense<3> : tensor<i32>
    %16 = stablehlo.broadcast_in_dim %c_1, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %17 = stablehlo.shift_left %arg0, %16 : tensor<8xi32>
    %c_2 = stablehlo.constant dense<2> : tensor<i32>
    %18 = stablehlo.broadcast_in_dim %c_2, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %19 = stablehlo.shift_right_arithmetic %arg0, %18 : tensor<8xi32>
    %c_3 = stablehlo.constant dense<2> : tensor<i32>
    %20 = stablehlo.broadcast_in_dim %c_3, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %21 = stablehlo.shift_right_logical %arg0, %20 : tensor<8xi32>
    %22 = stablehlo.shift_left %arg2, %arg2 : tensor<8xui32>
    %c_4 = stablehlo.constant dense<1> : tensor<ui32>
    %23 = stablehlo.broadcast_in_dim %c_4, dims = [] : (tensor<ui32>) -> tensor<8xui32>
    %24 = stablehlo.shift_right_logical %arg2, %23 : tensor<8xui32>
    %25 = stablehlo.popcnt %arg2 : tensor<8xui32>
    %26 = stablehlo.count_leading_zeros %arg2 : tensor<8xui32>
    %27 = stablehlo.convert %arg0 : (tensor<8xi32>) -> tensor<8xi8>
    %c_5 = stablehlo.constant dense<17> : tensor<i8>
    %28 = stablehlo.broadcast_in_dim %c_5, dims = [] : (tensor<i8>) -> tensor<8xi8>
    %29 = stablehlo.multiply %27, %28 : tensor<8xi8>
    %c_6 = stablehlo.constant dense<50> : tensor<ui32>
    %30 = stablehlo.broadcast_in_dim %c_6, dims = [] : (tensor<ui32>) -> tensor<8xui32>
    %31 = stablehlo.subtract %arg2, %30 : tensor<8xui32>
    %c_7 = stablehlo.constant dense<-3> : tensor<i32>
    %c_8 = stablehlo.constant dense<4> : tensor<i32>
    %32 = call @clip(%arg0, %c_7, %c_8) : (tensor<8xi32>, tensor<i32>, tensor<i32>) -> tensor<8xi32>
    %33 = stablehlo.compare GT, %arg0, %arg1, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %34 = call @_where_0(%33, %arg0, %arg1) : (tensor<8xi1>, tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
    %35 = stablehlo.compare EQ, %arg0, %arg1, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %c_9 = stablehlo.constant dense<7> : tensor<ui32>
    %36 = stablehlo.broadcast_in_dim %c_9, dims = [] : (tensor<ui32>) -> tensor<8xui32>
    %37 = stablehlo.compare LT, %arg2, %36, UNSIGNED : (tensor<8xui32>, tensor<8xui32>) -> tensor<8xi1>
    return %3, %4, %5, %6, %7, %9, %10, %11, %12, %13, %14, %15, %17, %19, %21, %22, %24, %25, %26, %29, %31, %32, %34, %35, %37 : tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32>, tensor<8xui32>, tensor<8xui32>, tensor<8xui32>, tensor<8xui32>, tensor<8xi8>, tensor<8xui32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi1>, tensor<8xi1>
  }
  func.func private @_where(%arg0: tensor<8xi1>, %arg1: tensor<i32>, %arg2: tensor<8xi32>) -> tensor<8xi32> {
    %0 = stablehlo.convert %arg1 : tensor<i32>
    %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %2 = stablehlo.select %arg0, %1, %arg2 : tensor<8xi1>, tensor<8xi32>
    return %2 : tensor<8xi32>
  }
  func.func private @floor_divide(%arg0: tensor<8xi32>, %arg1: tensor<8xi32>) -> tensor<8xi32> {
    %0 = stablehlo.divide %arg0, %arg1 : tensor<8xi32>
    %1 = stablehlo.sign %arg0 : tensor<8xi32>
    %2 = stablehlo.sign %arg1 : tensor<8xi32>
    %3 = stablehlo.compare NE, %1, %2, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %4 = stablehlo.remainder %arg0, %arg1 : tensor<8xi32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %5 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %6 = stablehlo.compare NE, %4, %5, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %7 = stablehlo.and %3, %6 : tensor<8xi1>
    %c_0 = stablehlo.constant dense<1> : tensor<i32>
    %8 = stablehlo.broadcast_in_dim %c_0, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %9 = stablehlo.subtract %0, %8 : tensor<8xi32>
    %10 = call @_where_0(%7, %9, %0) : (tensor<8xi1>, tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
    return %10 : tensor<8xi32>
  }
  func.func private @_where_0(%arg0: tensor<8xi1>, %arg1: tensor<8xi32>, %arg2: tensor<8xi32>) -> tensor<8xi32> {
    %0 = stablehlo.select %arg0, %arg1, %arg2 : tensor<8xi1>, tensor<8xi32>
    return %0 : tensor<8xi32>
  }
  func.func private @remainder(%arg0: tensor<8xi32>, %arg1: tensor<8xi32>) -> tensor<8xi32> {
    %c = stablehlo.constant dense<0> : tensor<i32>
    %0 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %1 = stablehlo.compare EQ, %arg1, %0, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %c_0 = stablehlo.constant dense<1> : tensor<i32>
    %2 = stablehlo.broadcast_in_dim %c_0, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %3 = call @_where_0(%1, %2, %arg1) : (tensor<8xi1>, tensor<8xi32>, tensor<8xi32>) -> tensor<8xi32>
    %4 = stablehlo.remainder %arg0, %3 : tensor<8xi32>
    %c_1 = stablehlo.constant dense<0> : tensor<i32>
    %5 = stablehlo.broadcast_in_dim %c_1, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %6 = stablehlo.compare NE, %4, %5, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %c_2 = stablehlo.constant dense<0> : tensor<i32>
    %7 = stablehlo.broadcast_in_dim %c_2, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %8 = stablehlo.compare LT, %4, %7, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %c_3 = stablehlo.constant dense<0> : tensor<i32>
    %9 = stablehlo.broadcast_in_dim %c_3, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %10 = stablehlo.compare LT, %3, %9, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %11 = stablehlo.compare NE, %8, %10, UNSIGNED : (tensor<8xi1>, tensor<8xi1>) -> tensor<8xi1>
    %12 = stablehlo.and %11, %6 : tensor<8xi1>
    %13 = stablehlo.add %4, %3 : tensor<8xi32>
    %14 = stablehlo.select %12, %13, %4 : tensor<8xi1>, tensor<8xi32>
    return %14 : tensor<8xi32>
  }
  func.func private @clip(%arg0: tensor<8xi32>, %arg1: tensor<i32>, %arg2: tensor<i32>) -> tensor<8xi32> {
    %0 = stablehlo.convert %arg1 : tensor<i32>
    %1 = stablehlo.broadcast_in_dim %0, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %2 = stablehlo.maximum %1, %arg0 : tensor<8xi32>
    %3 = stablehlo.convert %arg2 : tensor<i32>
    %4 = stablehlo.broadcast_in_dim %3, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %5 = stablehlo.minimum %4, %2 : tensor<8xi32>
    return %5 : tensor<8xi32>
  }
}
