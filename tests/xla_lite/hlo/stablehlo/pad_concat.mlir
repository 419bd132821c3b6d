module @jit_pad_concat attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<3x4xf32>, %arg1: tensor<2x4xf32>) -> (tensor<8x9xf32> {jax.result_info = "result[0]"}, tensor<4x6xf32> {jax.result_info = "result[1]"}, tensor<5x4xf32> {jax.result_info = "result[2]"}, tensor<2x2x4xf32> {jax.result_info = "result[3]"}, tensor<2x6xf32> {jax.result_info = "result[4]"}) {
    %cst = stablehlo.constant dense<2.000000e+00> : tensor<f32>
    %0 = stablehlo.pad %arg0, %cst, low = [1, -1], high = [2, 0], interior = [1, 2] : (tensor<3x4xf32>, tensor<f32>) -> tensor<8x9xf32>
    %c = stablehlo.constant dense<0> : tensor<i32>
    %1 = call @_pad(%arg0, %c) : (tensor<3x4xf32>, tensor<i32>) -> tensor<4x6xf32>
    %2 = stablehlo.slice %arg0 [0:0, 0:4] : (tensor<3x4xf32>) -> tensor<0x4xf32>
    %3 = stablehlo.concatenate %arg0, %arg1, %2, dim = 0 : (tensor<3x4xf32>, tensor<2x4xf32>, tensor<0x4xf32>) -> tensor<5x4xf32>
    %4 = stablehlo.negate %arg1 : tensor<2x4xf32>
    %5 = stablehlo.broadcast_in_dim %arg1, dims = [0, 2] : (tensor<2x4xf32>) -> tensor<2x1x4xf32>
    %6 = stablehlo.broadcast_in_dim %4, dims = [0, 2] : (tensor<2x4xf32>) -> tensor<2x1x4xf32>
    %7 = stablehlo.concatenate %5, %6, dim = 1 : (tensor<2x1x4xf32>, tensor<2x1x4xf32>) -> tensor<2x2x4xf32>
    %8 = stablehlo.transpose %arg0, dims = [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
    %9 = stablehlo.reshape %8 : (tensor<4x3xf32>) -> tensor<2x6xf32>
    return %0, %1, %3, %7, %9 : tensor<8x9xf32>, tensor<4x6xf32>, tensor<5x4xf32>, tensor<2x2x4xf32>, tensor<2x6xf32>
  }
  func.func private @_pad(%arg0: tensor<3x4xf32>, %arg1: tensor<i32>) -> tensor<4x6xf32> {
    %0 = stablehlo.convert %arg1 : (tensor<i32>) -> tensor<f32>
    %1 = stablehlo.pad %arg0, %0, low = [0, 2], high = [1, 0], interior = [0, 0] : (tensor<3x4xf32>, tensor<f32>) -> tensor<4x6xf32>
    return %1 : tensor<4x6xf32>
  }
}
