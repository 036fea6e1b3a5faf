# Everywhere else, as in enhancer='gamma', the name is the trained model's.
raise ValueError(
    'MMSDAG_ENHANCER=gamma is ambiguous: set MMSDAG_ENHANCER=fixed_gamma for '
    'gamma 2.2, as it was here, or MMSDAG_ENHANCER=learned_gamma for the '
    "trained model that enhancer='gamma' names elsewhere")
