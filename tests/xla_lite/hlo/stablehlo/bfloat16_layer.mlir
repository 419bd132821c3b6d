module @jit_bfloat16_layer attributes {mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%arg0: tensor<4x8xbf16>, %arg1: tensor<8x3xbf16>, %arg2: tensor<3xbf16>) -> (tensor<4x3xbf16> {jax.result_info = "result[0]"}, tensor<bf16> {jax.result_info = "result[1]"}, tensor<4x3xbf16> {jax.result_info = "result[2]"}, tensor<4x8xf32> {jax.result_info = "result[3]"}, tensor<4xbf16> {jax.result_info = "result[4]"}) {
    %0 = stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0], precision = [DEFAULT, DEFAULT] : (tensor<4x8xbf16>, tensor<8x3xbf16>) -> tensor<4x3xbf16>
    %1 = stablehlo.broadcast_in_dim %arg2, dims = [1] : (tensor<3xbf16>) -> tensor<1x3xbf16>
    %2 = stablehlo.broadcast_in_dim %1, dims = [0, 1] : (tensor<1x3xbf16>) -> tensor<4x3xbf16>
    %3 = stablehlo.add %0, %2 : tensor<4x3xbf16>
    %4 = call @relu(%3) : (tensor<4x3xbf16>) -> tensor<4x3xbf16>
    %5 = stablehlo.convert %4 : (tensor<4x3xbf16>) -> tensor<4x3xf32>
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %6 = stablehlo.reduce(%5 init: %cst) applies stablehlo.add across dimensions = [0, 1] : (tensor<4x3xf32>, tensor<f32>) -> tensor<f32>
    %7 = stablehlo.convert %6 : (tensor<f32>) -> tensor<bf16>
    %cst_0 = stablehlo.constant dense<0xFF80> : tensor<bf16>
    %8 = stablehlo.reduce(%4 init: %cst_0) applies stablehlo.maximum across dimensions = [1] : (tensor<4x3xbf16>, tensor<bf16>) -> tensor<4xbf16>
    %cst_1 = stablehlo.constant dense<0xFF80> : tensor<bf16>
    %9 = stablehlo.broadcast_in_dim %cst_1, dims = [] : (tensor<bf16>) -> tensor<4xbf16>
    %10 = stablehlo.maximum %9, %8 : tensor<4xbf16>
    %11 = stablehlo.broadcast_in_dim %10, dims = [0] : (tensor<4xbf16>) -> tensor<4x1xbf16>
    %12 = stablehlo.broadcast_in_dim %11, dims = [0, 1] : (tensor<4x1xbf16>) -> tensor<4x3xbf16>
    %13 = stablehlo.subtract %4, %12 : tensor<4x3xbf16>
    %14 = stablehlo.exponential %13 : tensor<4x3xbf16>
    %15 = stablehlo.convert %14 : (tensor<4x3xbf16>) -> tensor<4x3xf32>
    %cst_2 = stablehlo.constant dense<0.000000e+00> : tensor<f32>
    %16 = stablehlo.reduce(%15 init: %cst_2) applies stablehlo.add across dimensions = [1] : (tensor<4x3xf32>, tensor<f32>) -> tensor<4xf32>
    %17 = stablehlo.broadcast_in_dim %16, dims = [0] : (tensor<4xf32>) -> tensor<4x1xf32>
    %18 = stablehlo.convert %17 : (tensor<4x1xf32>) -> tensor<4x1xbf16>
    %19 = stablehlo.broadcast_in_dim %18, dims = [0, 1] : (tensor<4x1xbf16>) -> tensor<4x3xbf16>
    %20 = stablehlo.divide %14, %19 : tensor<4x3xbf16>
    %cst_3 = stablehlo.constant dense<1.000980e-01> : tensor<bf16>
    %21 = stablehlo.broadcast_in_dim %cst_3, dims = [] : (tensor<bf16>) -> tensor<4x8xbf16>
    %22 = stablehlo.multiply %arg0, %21 : tensor<4x8xbf16>
    %23 = stablehlo.convert %22 : (tensor<4x8xbf16>) -> tensor<4x8xf32>
    %cst_4 = stablehlo.constant dense<0xFF80> : tensor<bf16>
    %24 = stablehlo.reduce(%arg0 init: %cst_4) applies stablehlo.maximum across dimensions = [1] : (tensor<4x8xbf16>, tensor<bf16>) -> tensor<4xbf16>
    return %4, %7, %20, %23, %24 : tensor<4x3xbf16>, tensor<bf16>, tensor<4x3xbf16>, tensor<4x8xf32>, tensor<4xbf16>
  }
  func.func private @relu(%arg0: tensor<4x3xbf16>) -> tensor<4x3xbf16> {
    %cst = stablehlo.constant dense<0.000000e+00> : tensor<bf16>
    %0 = stablehlo.broadcast_in_dim %cst, dims = [] : (tensor<bf16>) -> tensor<4x3xbf16>
    %1 = stablehlo.maximum %arg0, %0 : tensor<4x3xbf16>
    return %1 : tensor<4x3xbf16>
  }
}
