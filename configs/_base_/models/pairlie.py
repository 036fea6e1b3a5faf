model = dict(
    type='PairLIE',
    generator=dict(type='PairLIENet'),
    consistency_loss=dict(type='MSELoss', loss_weight=1.0),
    retinex_loss=dict(type='RetinexLoss', loss_weight=1.0),
    projection_loss=dict(type='MSELoss', loss_weight=500.0),
    amp_dtype='auto',
)
