module @jit_special_functions attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<5xf32>, %arg1: tensor<5xf32>) -> (tensor<5xf32> {jax.result_info = "result[0][0]"}, tensor<5xf32> {jax.result_info = "result[0][1]"}, tensor<5xf32> {jax.result_info = "result[0][2]"}, tensor<5xf32> {jax.result_info = "result[0][3]"}, tensor<5xf32> {jax.result_info = "result[0][4]"}, tensor<5xf32> {jax.result_info = "result[0][5]"}, tensor<5xf32> {jax.result_info = "result[0][6]"}, tensor<5xf32> {jax.result_info = "result[0][7]"}, tensor<5xf32> {jax.result_info = "result[0][8]"}, tensor<5xf32> {jax.result_info = "result[0][9]"}, tensor<5xf32> {jax.result_info = "result[1][0]"}, tensor<5xf32> {jax.result_info = "result[1][1]"}, tensor<5xf32> {jax.result_info = "result[1][2]"}, tensor<5xf32> {jax.result_info = "result[1][3]"}, tensor<5xf32> {jax.result_info = "result[1][4]"}, tensor<5xf32> {jax.result_info = "result[1][5]"}, tensor<5xf32> {jax.result_info = "result[1][6]"}, tensor<5xf32> {jax.result_info = "result[1][7]"}, tensor<5xf32> {jax.result_info = "result[2]"}, tensor<5xf32> {jax.result_info = "result[3][0]"}, tensor<5xf32> {jax.result_info = "result[3][1]"}, tensor<5xf32> {jax.result_info = "result[3][2]"}, tensor<5xf32> {jax.result_info = "result[3][3]"}, tensor<5xf32> {jax.result_info = "result[3][4]"}, tensor<5xf32> {jax.result_info = "result[3][5]"}) {
    %0 = stablehlo.atan2 %arg0, %arg1 : tensor<5xf32>
    %1 = stablehlo.power %arg1, %arg0 : tensor<5xf32>
    %2 = call @fmod(%arg1, %arg0) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    %3 = call @hypot(%arg0, %arg1) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    %4 = call @round(%arg1) : (tensor<5xf32>) -> tensor<5xf32>
    %5 = stablehlo.negate %arg1 : tensor<5xf32>
    %6 = stablehlo.round_nearest_afz %5 : tensor<5xf32>
    %7 = chlo.asin %arg0 : tensor<5xf32> -> tensor<5xf32>
    %8 = chlo.acos %arg0 : tensor<5xf32> -> tensor<5xf32>
    %9 = chlo.atan %arg0 : tensor<5xf32> -> tensor<5xf32>
    %10 = chlo.atanh %arg0 : tensor<5xf32> -> tensor<5xf32>
    %11 = chlo.sinh %arg0 : tensor<5xf32> -> tensor<5xf32>
    %12 = chlo.cosh %arg0 : tensor<5xf32> -> tensor<5xf32>
    %13 = chlo.asinh %arg0 : tensor<5xf32> -> tensor<5xf32>
    %14 = stablehlo.tan %arg0 : tensor<5xf32>
    %15 = stablehlo.exponential_minus_one %arg0 : tensor<5xf32>
    %16 = stablehlo.log_plus_one %arg0 : tensor<5xf32>
    %17 = chlo.lgamma %arg1 : tensor<5xf32> -> tensor<5xf32>
    %18 = chlo.digamma %arg1 : tensor<5xf32> -> tensor<5xf32>
    %19 = stablehlo.cbrt %arg1 : tensor<5xf32>
    %20 = stablehlo.rsqrt %arg1 : tensor<5xf32>
    %21 = stablehlo.log %arg1 : tensor<5xf32>
    %22 = stablehlo.sine %arg1 : tensor<5xf32>
    %23 = stablehlo.cosine %arg1 : tensor<5xf32>
    %24 = stablehlo.negate %arg1 : tensor<5xf32>
    %25 = stablehlo.exponential %24 : tensor<5xf32>
    %cst = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %26 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %27 = stablehlo.add %26, %25 : tensor<5xf32>
    %cst_0 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %28 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %29 = stablehlo.divide %28, %27 : tensor<5xf32>
    %cst_1 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %30 = stablehlo.broadcast_in_dim %cst_1, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %31 = stablehlo.add %arg1, %30 : tensor<5xf32>
    %32 = call @arccosh(%31) : (tensor<5xf32>) -> tensor<5xf32>
    return %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %29, %32, %0, %1, %2, %3, %4, %6 : tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>, tensor<5xf32>
  }
  func.func private @fmod(%arg0: tensor<5xf32>, %arg1: tensor<5xf32>) -> tensor<5xf32> {
    %0 = stablehlo.remainder %arg0, %arg1 : tensor<5xf32>
    return %0 : tensor<5xf32>
  }
  func.func private @hypot(%arg0: tensor<5xf32>, %arg1: tensor<5xf32>) -> tensor<5xf32> {
    %0 = stablehlo.abs %arg0 : tensor<5xf32>
    %1 = stablehlo.abs %arg1 : tensor<5xf32>
    %cst = stablehlo.constant dense<0x7F800000> : tensor<f32>
    %2 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %3 = stablehlo.compare EQ, %0, %2, FLOAT : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xi1>
    %cst_0 = stablehlo.constant dense<0x7F800000> : tensor<f32>
    %4 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %5 = stablehlo.compare EQ, %1, %4, FLOAT : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xi1>
    %6 = stablehlo.or %3, %5 : tensor<5xi1>
    %7 = stablehlo.maximum %0, %1 : tensor<5xf32>
    %8 = stablehlo.minimum %0, %1 : tensor<5xf32>
    %cst_1 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %9 = stablehlo.broadcast_in_dim %cst_1, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %10 = stablehlo.compare EQ, %7, %9, FLOAT : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xi1>
    %cst_2 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %11 = stablehlo.broadcast_in_dim %cst_2, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %12 = stablehlo.compare EQ, %7, %11, FLOAT : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xi1>
    %cst_3 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %13 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %14 = call @_where(%12, %13, %7) : (tensor<5xi1>, tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    %15 = stablehlo.divide %8, %14 : tensor<5xf32>
    %16 = chlo.square %15 : tensor<5xf32> -> tensor<5xf32>
    %cst_4 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %17 = stablehlo.broadcast_in_dim %cst_4, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %18 = stablehlo.add %17, %16 : tensor<5xf32>
    %19 = stablehlo.sqrt %18 : tensor<5xf32>
    %20 = stablehlo.multiply %7, %19 : tensor<5xf32>
    %21 = call @_where(%10, %7, %20) : (tensor<5xi1>, tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
    %cst_5 = stablehlo.constant dense<0x7F800000> : tensor<f32>
    %22 = call @_where_0(%6, %cst_5, %21) : (tensor<5xi1>, tensor<f32>, tensor<5xf32>) -> tensor<5xf32>
    return %22 : tensor<5xf32>
  }
  func.func private @_where(%arg0: tensor<5xi1>, %arg1: tensor<5xf32>, %arg2: tensor<5xf32>) -> tensor<5xf32> {
    %0 = stablehlo.select %arg0, %arg1, %arg2 : tensor<5xi1>, tensor<5xf32>
    return %0 : tensor<5xf32>
  }
  func.func private @_where_0(%arg0: tensor<5xi1>, %arg1: tensor<f32>, %arg2: tensor<5xf32>) -> tensor<5xf32> {
    %0 = stablehlo.broadcast_in_dim %arg1, dims = [] : (tensor<f32>) -> tensor<5xf32>
    %1 = stablehlo.select %arg0, %0, %arg2 : tensor<5xi1>, tensor<5xf32>
    return %1 : tensor<5xf32>
  }
  func.func private @round(%arg0: tensor<5xf32>) -> tensor<5xf32> {
    %0 = stablehlo.round_nearest_even %arg0 : tensor<5xf32>
    return %0 : tensor<5xf32>
  }
  func.func private @arccosh(%arg0: tensor<5xf32>) -> tensor<5xf32> {
    %0 = chlo.acosh %arg0 : tensor<5xf32> -> tensor<5xf32>
    return %0 : tensor<5xf32>
  }
}
