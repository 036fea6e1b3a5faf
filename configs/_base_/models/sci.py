model = dict(
    type='SCI',
    generator=dict(type='SCINet'),
    num_stages=3,
    fidelity_loss=dict(type='MSELoss', loss_weight=1.5),
    smoothness_loss=dict(type='NeighborSmoothnessLoss', sigma=10.0, loss_weight=1.0),
    amp_dtype='auto',
)
