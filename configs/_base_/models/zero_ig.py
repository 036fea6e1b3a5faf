model = dict(
    type='ZeroIG',
    generator=dict(type='ZeroIGNet'),
    light_loss=dict(type='AdaptiveLightLoss', light_weight=700.0, quotient_weight=1000.0),
    smoothness_loss=dict(type='NeighborSmoothnessLoss', sigma=10.0, loss_weight=5.0),
    tv_loss=dict(type='IlluminationSmoothnessLoss', loss_weight=1600.0),
    denoise_loss=dict(type='MSELoss', loss_weight=2000.0),
    color_loss=dict(type='BlurredMSELoss', loss_weight=10000.0),
    kept_light_loss=dict(type='MSELoss', loss_weight=1000.0),
    texture_loss=dict(type='TextureConsistencyLoss', threshold=0.975, loss_weight=10000.0),
    noise_loss=dict(type='NoiseEnergyLoss', loss_weight=1000.0),
    amp_dtype='auto',
)
