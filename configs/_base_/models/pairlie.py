model = dict(
    type='PairLIE',
    generator=dict(type='PairLIENet'),
    consistency_loss=dict(type='MSELoss', loss_weight=1.),
    retinex_loss=dict(type='RetinexLoss', loss_weight=1.),
    projection_loss=dict(type='MSELoss', loss_weight=500.),
    amp_dtype='auto')
