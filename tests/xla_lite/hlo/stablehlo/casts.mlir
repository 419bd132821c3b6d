module @jit_casts attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<8xf32>, %arg1: tensor<8xi32>) -> (tensor<8xi32> {jax.result_info = "result[0][0]"}, tensor<8xi8> {jax.result_info = "result[0][1]"}, tensor<8xui8> {jax.result_info = "result[0][2]"}, tensor<8xi1> {jax.result_info = "result[0][3]"}, tensor<8xf16> {jax.result_info = "result[0][4]"}, tensor<8xbf16> {jax.result_info = "result[0][5]"}, tensor<8xui8> {jax.result_info = "result[1][0]"}, tensor<8xf32> {jax.result_info = "result[1][1]"}, tensor<8xi1> {jax.result_info = "result[1][2]"}, tensor<8xi32> {jax.result_info = "result[2]"}, tensor<8xi1> {jax.result_info = "result[3]"}, tensor<8xi1> {jax.result_info = "result[4]"}) {
    %0 = stablehlo.convert %arg0 : (tensor<8xf32>) -> tensor<8xi32>
    %1 = stablehlo.convert %arg0 : (tensor<8xf32>) -> tensor<8xi8>
    %2 = stablehlo.convert %arg0 : (tensor<8xf32>) -> tensor<8xui8>
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %3 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<8xf32>
    %4 = stablehlo.compare NE, %arg0, %3, FLOAT : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
    %5 = stablehlo.convert %4 : tensor<8xi1>
    %6 = stablehlo.convert %arg0 : (tensor<8xf32>) -> tensor<8xf16>
    %7 = stablehlo.convert %arg0 : (tensor<8xf32>) -> tensor<8xbf16>
    %8 = stablehlo.convert %arg1 : (tensor<8xi32>) -> tensor<8xui8>
    %9 = stablehlo.convert %arg1 : (tensor<8xi32>) -> tensor<8xf32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %10 = stablehlo.broadcast_in_dim %c, dims = [] : (tensor<i32>) -> tensor<8xi32>
    %11 = stablehlo.compare NE, %arg1, %10, SIGNED : (tensor<8xi32>, tensor<8xi32>) -> tensor<8xi1>
    %12 = stablehlo.convert %11 : tensor<8xi1>
    %13 = stablehlo.bitcast_convert %arg0 : (tensor<8xf32>) -> tensor<8xi32>
    %14 = stablehlo.is_finite %arg0 : (tensor<8xf32>) -> tensor<8xi1>
    %15 = stablehlo.compare NE, %arg0, %arg0, FLOAT : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xi1>
    return %0, %1, %2, %5, %6, %7, %8, %9, %12, %13, %14, %15 : tensor<8xi32>, tensor<8xi8>, tensor<8xui8>, tensor<8xi1>, tensor<8xf16>, tensor<8xbf16>, tensor<8xui8>, tensor<8xf32>, tensor<8xi1>, tensor<8xi32>, tensor<8xi1>, tensor<8xi1>
  }
}
