module @jit_elementwise_chain attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<4x6xf32>, %arg1: tensor<6xf32>) -> (tensor<4x6xf32> {jax.result_info = "result"}) {
    %cst = stablehlo.constant dense<2.000000e+00> : tensor<f32>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<f32>) -> tensor<4x6xf32>
    %1 = stablehlo.multiply %arg0, %0 : tensor<4x6xf32>
    %2 = stablehlo.broadcast_in_dim %arg1, dims = [1] : (tensor<6xf32>) -> tensor<1x6xf32>
    %3 = stablehlo.broadcast_in_dim %2, dims = [0, 1] : (tensor<1x6xf32>) -> tensor<4x6xf32>
    %4 = stablehlo.add %1, %3 : tensor<4x6xf32>
    %5 = stablehlo.tanh %4 : tensor<4x6xf32>
    %6 = stablehlo.negate %arg0 : tensor<4x6xf32>
    %7 = stablehlo.exponential %6 : tensor<4x6xf32>
    %cst_0 = stablehlo.constant dense<1.000000e+00> : tensor<f32>
    %8 = stablehlo.broadcast_in_dim %cst_0, dims = [] : (tensor<f32>) -> tensor<4x6xf32>
    %9 = stablehlo.add %8, %7 : tensor<4x6xf32>
    %10 = stablehlo.divide %5, %9 : tensor<4x6xf32>
    %11 = stablehlo.abs %arg0 : tensor<4x6xf32>
    %12 = stablehlo.sqrt %11 : tensor<4x6xf32>
    %13 = stablehlo.subtract %10, %12 : tensor<4x6xf32>
    %14 = stablehlo.sign %arg0 : tensor<4x6xf32>
    %15 = stablehlo.add %13, %14 : tensor<4x6xf32>
    return %15 : tensor<4x6xf32>
  }
}
