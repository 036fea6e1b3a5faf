# As NAFNet: a stock mmagic model, its losses from the config.
_base_ = '../nafnet/nafnet-sdag_1xb8-10k_folder.py'

model = dict(
    generator=dict(
        _delete_=True,
        type='mmagic.Restormer',
        dim=16,
        num_blocks=[1, 1, 1, 1],
        num_refinement_blocks=1,
    )
)
