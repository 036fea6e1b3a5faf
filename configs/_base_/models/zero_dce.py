model = dict(
    type='ZeroDCE',
    generator=dict(type='ZeroDCENet'),
    tv_loss=dict(type='IlluminationSmoothnessLoss', loss_weight=200.0),
    spatial_loss=dict(type='SpatialConsistencyLoss', loss_weight=1.0),
    color_loss=dict(type='ColorConstancyLoss', loss_weight=5.0),
    exposure_loss=dict(type='ExposureControlLoss', level=0.6, loss_weight=10.0),
    amp_dtype='auto',
)
